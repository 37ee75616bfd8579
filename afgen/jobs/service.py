"""What the API, the workers and the command line do alike, above rows and messages.

Messages are sent after the commit of what they tell, and a broker that does not answer is no error:
the row waits in the outbox, and the sweep sends it.
"""

import logging
from collections.abc import Sequence

from afgen.errors import QueueUnavailableError
from afgen.jobs.ids import Kind, new_id
from afgen.jobs.queue import Queue, Task
from afgen.jobs.spec import BatchItem, JobSpec
from afgen.jobs.states import Priority
from afgen.jobs.store import Store
from afgen.jobs.store.moves import NewJob
from afgen.jobs.tables import Batch, Job

LOG = logging.getLogger("afgen.jobs")


def submit(
    store: Store,
    queue: Queue,
    tenant_id: str,
    spec: JobSpec,
    *,
    most_active: float,
    depth: int,
    job_id: str | None = None,
) -> Job:
    """Make a job and wake a worker, unless `depth` messages wait already: then the sweep does.

    With a `job_id` chosen beforehand, doing it twice is doing it once.

    Raises AssetNotReadyError, QuotaError.
    """
    new = NewJob(job_id or new_id(Kind.JOB, store.database.now()), spec)
    job = store.jobs.create(tenant_id, new, most_active)
    feed(store, queue, job.priority, depth)
    return job


def submit_batch(
    store: Store,
    queue: Queue,
    tenant_id: str,
    name: str,
    items: Sequence[BatchItem],
    *,
    most_active: float,
    depth: int,
    batch_id: str | None = None,
) -> Batch:
    """Make a batch with all of its jobs and wake workers for the first; the sweep goes on.

    Raises ItemKeyTakenError, AssetNotReadyError, QuotaError.
    """
    batch_id = batch_id or new_id(Kind.BATCH, store.database.now())
    batch = store.batches.create(tenant_id, batch_id, name, items, most_active)
    for priority in {item.job.priority for item in items}:
        feed(store, queue, priority, depth)
    return batch


def retry(
    store: Store, queue: Queue, tenant_id: str, job_id: str, *, most_active: float, depth: int
) -> Job:
    """Queue a failed or canceled job anew, as `submit` does. Raises as `Jobs.retry`."""
    job = store.jobs.retry(tenant_id, job_id, most_active)
    feed(store, queue, job.priority, depth)
    return job


def feed(store: Store, queue: Queue, priority: Priority, depth: int) -> int:
    """Fill a queue of the broker up to `depth` messages from the outbox; returns how many it sent.

    Ten thousand waiting jobs are rows, and few of them messages: a broker that lost everything is
    soon as good as before, and sending twice what may have been lost costs little.
    """
    try:
        room = depth - queue.waiting(priority)
    except QueueUnavailableError:
        return 0
    if room <= 0:
        return 0
    return send(store, queue, store.outbox.unsent(priority, room), priority)


def sweep(store: Store, queue: Queue, depth: int) -> int:
    """Take jobs back from silent workers, and send what is to be sent; returns how many messages.

    Any number of processes may sweep at once.
    """
    for job in store.leases.take_back():
        LOG.warning("took %s back from a silent worker: now %s", job.id, job.state)
    return sum(feed(store, queue, priority, depth) for priority in Priority)


def send(store: Store, queue: Queue, job_ids: Sequence[str], priority: Priority) -> int:
    """Wake workers for queued jobs, as far as the broker answers; returns for how many."""
    sent: list[str] = []
    for job_id in job_ids:
        try:
            queue.send(Task.RENDER, job_id, queue=priority)
        except QueueUnavailableError:
            LOG.warning("the broker does not answer; %d messages wait", len(job_ids) - len(sent))
            break
        sent.append(job_id)
    store.outbox.mark_sent(sent)
    return len(sent)
