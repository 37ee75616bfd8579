from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from afgen.errors import (
    CancelRequestedError,
    LeaseLostError,
    MediaError,
    MediaTimeoutError,
)
from afgen.jobs.states import JobState, Phase, Priority
from afgen.jobs.store import JobRules, Store
from afgen.jobs.store.leases import Lease, Leases, lease_of
from afgen.jobs.tables import Tenant
from tests.jobs.conftest import Clock
from tests.jobs.made import PLENTY, RESULT, claim_next, items, kinds, queued, running

Write = Callable[[Leases, Lease], object]
WRITES: dict[str, Write] = {
    "heartbeat": lambda leases, lease: leases.heartbeat(lease),
    "check": lambda leases, lease: leases.check(lease),
    "enter": lambda leases, lease: leases.enter(lease, Phase.RENDERING),
    "progress": lambda leases, lease: leases.progress(lease, 1, 2),
    "finish": lambda leases, lease: leases.finish(lease, RESULT),
    "fail": lambda leases, lease: leases.fail(lease, MediaError("no")),
    "hand_over": lambda leases, lease: leases.hand_over(lease),
}
COMES_AGAIN = MediaTimeoutError("too slow")


def silent(store: Store) -> Leases:
    """Leases that are over as soon as they are given."""
    return Leases(store.database, JobRules(lease_s=-1, backoff_s=0))


def test_a_claim_takes_a_queued_job_once(store: Store, tenant: Tenant) -> None:
    job = queued(store, tenant.id)
    claimed = store.leases.claim(job.id, "one")
    assert claimed is not None
    assert (claimed.state, claimed.attempts, claimed.lease_token) == (JobState.RUNNING, 1, 1)
    assert claimed.leased_by == "one" and claimed.lease_until is not None
    assert store.leases.claim(job.id, "two") is None
    assert kinds(store, job) == ["job.queued", "job.running"]


def test_there_is_nothing_to_claim_where_no_job_is(store: Store) -> None:
    assert store.leases.claim("job_nobody", "one") is None
    assert claim_next(store, Priority.BATCH, "one") is None


def test_the_longest_waiting_of_a_queue_is_next(store: Store, tenant: Tenant) -> None:
    first, _ = queued(store, tenant.id), queued(store, tenant.id)
    queued(store, tenant.id, priority=Priority.BATCH)
    claimed = claim_next(store, Priority.INTERACTIVE, "one")
    assert claimed is not None and claimed.id == first.id


def test_many_claim_each_job_once(store: Store, tenant: Tenant) -> None:
    """Eight claimers, each of whom wants all of fifty jobs."""
    batch = store.batches.create(tenant.id, "bat_many", "many", items(50), PLENTY)
    ids = [job.id for job in store.batches.items(tenant.id, batch.id, limit=50)]

    def claim_all(worker: int) -> list[str]:
        wanted = ids[6 * worker :] + ids[: 6 * worker]
        return [one for one in wanted if store.leases.claim(one, f"worker-{worker}") is not None]

    with ThreadPoolExecutor(8) as workers:
        claims = Counter(job for jobs in workers.map(claim_all, range(8)) for job in jobs)
    assert len(claims) == 50 and set(claims.values()) == {1}


def test_of_many_that_claim_one_job_one_has_it(store: Store, tenant: Tenant) -> None:
    job = queued(store, tenant.id)
    with ThreadPoolExecutor(20) as workers:
        claims = list(workers.map(lambda at: store.leases.claim(job.id, f"worker-{at}"), range(20)))
    assert sum(claim is not None for claim in claims) == 1
    assert store.jobs.get(tenant.id, job.id).lease_token == 1


def test_a_worker_publishes(store: Store, tenant: Tenant) -> None:
    job, lease = running(store, tenant.id)
    store.leases.enter(lease, Phase.RENDERING)
    store.leases.progress(lease, 10, 50)
    seen = store.jobs.get(tenant.id, job.id)
    assert (seen.phase, seen.progress_done, seen.progress_total) == (Phase.RENDERING, 10, 50)
    done = store.leases.finish(lease, RESULT)
    assert (done.state, done.outputs, done.leased_by) == (JobState.SUCCEEDED, RESULT.outputs, None)
    assert (done.progress_done, done.progress_total) == (50, 50)
    assert done.expires_at is not None and done.finished_at is not None
    assert kinds(store, job)[2:] == ["job.phase", "job.succeeded"]


def test_publishing_twice_publishes_once(store: Store, tenant: Tenant) -> None:
    """The answer to the first try may be lost with the connection."""
    job, lease = running(store, tenant.id)
    store.leases.finish(lease, RESULT)
    again = store.leases.finish(lease, replace(RESULT, outputs={"other": {}}))
    assert again.outputs == RESULT.outputs
    assert kinds(store, job).count("job.succeeded") == 1
    today = datetime.now(UTC).date()
    (usage,) = store.usage.between(tenant.id, today - timedelta(days=1), today + timedelta(days=1))
    assert (usage.jobs, usage.seconds, usage.bytes) == (1, 2.5, 7)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_nothing_is_written_with_a_token_that_is_not_the_last(
    store: Store, tenant: Tenant, write: Write
) -> None:
    _, lease = running(store, tenant.id)
    before = store.jobs.get(tenant.id, lease.job_id)
    for token in (lease.token - 1, lease.token + 1):
        with pytest.raises(LeaseLostError):
            write(store.leases, Lease(lease.job_id, token))
    after = store.jobs.get(tenant.id, lease.job_id)
    assert (after.version, after.state) == (before.version, JobState.RUNNING)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_nothing_is_written_for_a_job_taken_back(
    store: Store, tenant: Tenant, write: Write
) -> None:
    job = silent(store).claim(queued(store, tenant.id).id, "asleep")
    assert job is not None
    store.leases.take_back()
    with pytest.raises(LeaseLostError):
        write(store.leases, lease_of(job))
    successor = store.leases.claim(job.id, "awake")
    assert successor is not None and successor.lease_token > job.lease_token
    with pytest.raises(LeaseLostError):
        write(store.leases, lease_of(job))


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_a_worker_hears_of_a_cancel_whatever_it_writes(
    store: Store, tenant: Tenant, write: Write
) -> None:
    job, lease = running(store, tenant.id)
    assert store.jobs.cancel(tenant.id, job.id).state is JobState.CANCELING
    with pytest.raises(CancelRequestedError):
        write(store.leases, lease)
    assert store.leases.canceled(lease).state is JobState.CANCELED
    with pytest.raises(LeaseLostError):
        write(store.leases, lease)


def test_only_what_was_to_be_canceled_is(store: Store, tenant: Tenant) -> None:
    _, lease = running(store, tenant.id)
    with pytest.raises(LeaseLostError):
        store.leases.canceled(lease)


def test_a_heartbeat_keeps_the_job(store: Store, tenant: Tenant) -> None:
    job = silent(store).claim(queued(store, tenant.id).id, "slow")
    assert job is not None
    store.leases.heartbeat(lease_of(job))
    assert store.leases.take_back() == []
    assert store.jobs.get(tenant.id, job.id).state is JobState.RUNNING


def test_clocks_of_hosts_do_not_end_leases(store: Store, tenant: Tenant, clock: Clock) -> None:
    """Leases are given and judged by the time of the database."""
    _, lease = running(store, tenant.id)
    for ahead in (timedelta(hours=1), timedelta(hours=-1)):
        clock.ahead = ahead
        assert store.leases.take_back() == []
    store.leases.heartbeat(lease)
    waiting = queued(store, tenant.id)  # by a host that is an hour behind
    assert store.outbox.unsent(Priority.INTERACTIVE, 10) == [waiting.id]


def test_the_job_of_a_silent_worker_is_queued_again(store: Store, tenant: Tenant) -> None:
    job = silent(store).claim(queued(store, tenant.id).id, "gone")
    assert job is not None
    store.outbox.mark_sent([job.id])
    (back,) = store.leases.take_back()
    assert (back.state, back.attempts, back.leased_by) == (JobState.QUEUED, 1, None)
    assert store.outbox.unsent(Priority.INTERACTIVE, 10) == [job.id]
    assert store.leases.take_back() == []


def test_a_job_that_kills_its_workers_ends(store: Store, tenant: Tenant) -> None:
    job = queued(store, tenant.id)
    for _ in range(job.max_attempts):
        assert silent(store).claim(job.id, "victim") is not None
        store.leases.take_back()
    last = store.jobs.get(tenant.id, job.id)
    assert last.state is JobState.FAILED and last.error is not None
    assert last.error["code"] == "worker_lost"
    assert store.leases.claim(job.id, "victim") is None


def test_a_job_that_had_an_error_before_its_worker_fell_silent_keeps_it(
    store: Store, tenant: Tenant
) -> None:
    job = queued(store, tenant.id)
    for _ in range(job.max_attempts - 1):
        claimed = store.leases.claim(job.id, "worker")
        assert claimed is not None
        store.leases.fail(lease_of(claimed), COMES_AGAIN)
    assert silent(store).claim(job.id, "victim") is not None
    (last,) = store.leases.take_back()
    assert last.state is JobState.FAILED and last.error is not None
    assert last.error["code"] == COMES_AGAIN.code


def test_an_error_that_may_pass_is_tried_again_later(store: Store, tenant: Tenant) -> None:
    job, lease = running(store, tenant.id)
    patient = Leases(store.database, JobRules(backoff_s=600))
    again = patient.fail(lease, COMES_AGAIN)
    assert again.state is JobState.QUEUED
    assert again.error is not None and again.error["retryable"] is True
    assert store.outbox.unsent(Priority.INTERACTIVE, 10) == []
    assert claim_next(store, Priority.INTERACTIVE, "eager") is None
    assert kinds(store, job)[-1] == "job.queued"


def test_an_error_that_stays_is_the_end(store: Store, tenant: Tenant) -> None:
    _, lease = running(store, tenant.id)
    failed = store.leases.fail(lease, MediaError("no", hint="do this"))
    assert failed.state is JobState.FAILED and failed.attempts == 1
    assert failed.error == {
        "code": "media", "message": "no", "hint": "do this", "retryable": False,
    }  # fmt: skip


def test_a_job_to_be_canceled_is_when_its_worker_is_gone(store: Store, tenant: Tenant) -> None:
    job = silent(store).claim(queued(store, tenant.id).id, "gone")
    assert job is not None
    store.jobs.cancel(tenant.id, job.id)
    (canceled,) = store.leases.take_back()
    assert canceled.state is JobState.CANCELED


def test_handing_over_costs_no_attempt(store: Store, tenant: Tenant) -> None:
    _, lease = running(store, tenant.id)
    back = store.leases.hand_over(lease)
    assert (back.state, back.attempts, back.sent_at) == (JobState.QUEUED, 0, None)


def test_many_sweeps_take_a_job_back_once(store: Store, tenant: Tenant) -> None:
    for _ in range(20):
        assert silent(store).claim(queued(store, tenant.id).id, "gone") is not None
    with ThreadPoolExecutor(8) as sweeps:
        taken = [job.id for jobs in sweeps.map(lambda _: store.leases.take_back(), range(8))
                 for job in jobs]  # fmt: skip
    assert len(taken) == len(set(taken)) == 20
