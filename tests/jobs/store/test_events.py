from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from afgen.errors import NotFoundError
from afgen.jobs.states import Priority
from afgen.jobs.store import Store
from afgen.jobs.store.leases import lease_of
from afgen.jobs.tables import Tenant
from tests.jobs.made import PLENTY, RESULT, claim_next, items, running


def test_events_are_read_from_where_one_left_off(store: Store, tenant: Tenant) -> None:
    job, lease = running(store, tenant.id)
    queued, claimed = store.events.after(tenant.id, 0, job_id=job.id)
    assert claimed.seq > queued.seq
    store.leases.finish(lease, RESULT)
    (last,) = store.events.after(tenant.id, claimed.seq, job_id=job.id)
    assert last.kind == "job.succeeded" and last.data["outputs"] == RESULT.outputs
    assert store.events.after(tenant.id, last.seq) == []
    assert len(store.events.after(tenant.id, 0, limit=2)) == 2


def test_an_event_is_seen_by_its_tenant_alone(store: Store, tenant: Tenant) -> None:
    running(store, tenant.id)
    (first, _) = store.events.after(tenant.id, 0)
    other = store.tenants.create("theirs")
    assert store.events.get(tenant.id, first.seq).kind == "job.queued"
    assert store.events.after(other.id, 0) == []
    for seq in (first.seq, first.seq + 1000):
        with pytest.raises(NotFoundError):
            store.events.get(other.id, seq)


def test_the_events_of_a_job_appear_in_order(store: Store, tenant: Tenant) -> None:
    """Whoever follows a job misses none, though others write at the same time."""
    jobs = [running(store, tenant.id) for _ in range(8)]
    with ThreadPoolExecutor(8) as workers:
        list(workers.map(lambda pair: store.leases.finish(pair[1], RESULT), jobs))
    for job, _ in jobs:
        seen = store.events.after(tenant.id, 0, job_id=job.id)
        assert [event.kind for event in seen] == ["job.queued", "job.running", "job.succeeded"]
        assert all(one.seq < two.seq for one, two in pairwise(seen))


def test_who_follows_a_batch_misses_nothing(store: Store, tenant: Tenant) -> None:
    """Numbers are given before the commit, and commits come in any order but for one batch."""
    store.batches.create(tenant.id, "bat_1", "", items(40), PLENTY)
    seen: list[int] = []

    def work(worker: int) -> None:
        while (job := claim_next(store, Priority.BATCH, f"worker-{worker}")) is not None:
            store.leases.finish(lease_of(job), RESULT)

    def read_on() -> bool:
        news = store.events.after(tenant.id, max(seen, default=0), batch_id="bat_1", limit=1000)
        seen.extend(event.seq for event in news)
        return any(event.kind == "batch.finished" for event in news)

    with ThreadPoolExecutor(8) as workers:
        working = [workers.submit(work, number) for number in range(8)]
        while not read_on():
            assert not any(worker.done() and worker.exception() for worker in working)
    events = store.events.after(tenant.id, 0, batch_id="bat_1", limit=1000)
    assert seen == [event.seq for event in events] and len(seen) == 3 * 40 + 1
