from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise

import pytest

from afgen.errors import (
    AssetNotReadyError,
    CancelRequestedError,
    ConflictError,
    LeaseLostError,
    NotFoundError,
    QuotaError,
)
from afgen.jobs.ids import Kind, new_id
from afgen.jobs.states import ENDED, JobState, Priority
from afgen.jobs.store import Store
from afgen.jobs.store.jobs import JobFilter
from afgen.jobs.store.lists import place_of
from afgen.jobs.tables import Tenant
from tests.jobs.conftest import Clock
from tests.jobs.made import ADDRESS, PLENTY, RESULT, kinds, new_job, queued, running, uploaded


@pytest.fixture
def other(store: Store) -> Tenant:
    return store.tenants.create("theirs")


def test_a_job_is_made_queued(store: Store, tenant: Tenant) -> None:
    job = queued(store, tenant.id)
    assert (job.state, job.attempts, job.sent_at, job.version) == (JobState.QUEUED, 0, None, 1)
    assert job.spec["inputs"]["portrait"] == ADDRESS
    assert store.jobs.get(tenant.id, job.id).created_at == job.created_at
    assert kinds(store, job) == ["job.queued"]


def test_making_a_job_twice_makes_it_once(store: Store, tenant: Tenant) -> None:
    new = new_job(store)
    first = store.jobs.create(tenant.id, new, PLENTY)
    store.leases.claim(first.id, "worker")
    assert store.jobs.create(tenant.id, new, 0).state is JobState.RUNNING
    assert len(store.jobs.list(tenant.id)) == 1


def test_what_belongs_to_others_does_not_exist(store: Store, tenant: Tenant, other: Tenant) -> None:
    job = queued(store, tenant.id)
    asset = uploaded(store, tenant.id)
    for ask in (store.jobs.get, store.jobs.cancel, store.jobs.delete):
        with pytest.raises(NotFoundError):
            ask(other.id, job.id)
    with pytest.raises(NotFoundError):
        store.jobs.retry(other.id, job.id, PLENTY)
    with pytest.raises(NotFoundError):
        store.jobs.create(other.id, new_job(store), PLENTY) and store.assets.get(other.id, asset.id)
    with pytest.raises(AssetNotReadyError):
        store.jobs.create(other.id, new_job(store, portrait=asset.id), PLENTY)
    assert [one.tenant_id for one in store.jobs.list(other.id)] == [other.id]
    assert store.events.after(other.id, 0, job_id=job.id) == []


def test_a_job_needs_uploads_that_are_ready(store: Store, tenant: Tenant) -> None:
    asset = uploaded(store, tenant.id)
    queued(store, tenant.id, portrait=asset.id)
    with pytest.raises(AssetNotReadyError):
        queued(store, tenant.id, portrait=new_id(Kind.ASSET, store.database.now()))


def test_a_tenant_has_a_quota(store: Store, tenant: Tenant) -> None:
    """Also when many ask at once."""

    def ask(_: int) -> bool:
        try:
            store.jobs.create(tenant.id, new_job(store), 5)
        except QuotaError:
            return False
        return True

    with ThreadPoolExecutor(10) as askers:
        made = sum(askers.map(ask, range(20)))
    assert made == 5
    assert store.jobs.active(tenant.id) == {JobState.QUEUED: 5}
    assert store.jobs.waiting() == {(Priority.INTERACTIVE, JobState.QUEUED): 5}


def test_lists_show_each_job_once_whatever_is_added(store: Store, tenant: Tenant) -> None:
    made = [queued(store, tenant.id).id for _ in range(7)]
    seen: list[str] = []
    after = None
    while shown := store.jobs.list(tenant.id, after=after, limit=3):
        seen += [job.id for job in shown]
        after = place_of(shown[-1])
        queued(store, tenant.id)
    assert seen == made[::-1]


def test_jobs_of_one_moment_have_an_order(store: Store, tenant: Tenant) -> None:
    moment = store.database.now()
    store.database.now = lambda: moment
    made = {queued(store, tenant.id).id for _ in range(5)}
    first, second, *_ = store.jobs.list(tenant.id, limit=2)
    rest = store.jobs.list(tenant.id, after=place_of(second))
    listed = [first.id, second.id, *(job.id for job in rest)]
    assert set(listed) == made and all(one > two for one, two in pairwise(listed))


def test_lists_can_be_narrowed(store: Store, tenant: Tenant, clock: Clock) -> None:
    old, _ = queued(store, tenant.id), queued(store, tenant.id)
    store.jobs.cancel(tenant.id, old.id)
    clock.ahead = timedelta(hours=1)
    moment = clock()
    new = queued(store, tenant.id)
    waiting = JobFilter(states=frozenset({JobState.QUEUED}))
    assert len(store.jobs.list(tenant.id, waiting)) == 2
    assert [job.id for job in store.jobs.list(tenant.id, JobFilter(since=moment))] == [new.id]
    before = JobFilter(until=moment, states=frozenset({JobState.CANCELED, JobState.FAILED}))
    assert [job.id for job in store.jobs.list(tenant.id, before)] == [old.id]


def test_a_waiting_job_knows_its_place(store: Store, tenant: Tenant) -> None:
    jobs = [queued(store, tenant.id) for _ in range(3)]
    queued(store, tenant.id, priority=Priority.BATCH)
    assert [store.jobs.position(job) for job in jobs] == [0, 1, 2]
    claimed = store.leases.claim(jobs[0].id, "worker")
    assert claimed is not None and store.jobs.position(claimed) is None


def test_a_queued_job_is_canceled_at_once(store: Store, tenant: Tenant) -> None:
    job = queued(store, tenant.id)
    canceled = store.jobs.cancel(tenant.id, job.id)
    assert canceled.state is JobState.CANCELED and canceled.cancel_requested_at is not None
    assert store.leases.claim(job.id, "late") is None
    assert store.jobs.cancel(tenant.id, job.id).version == canceled.version


def test_what_has_ended_cannot_be_canceled(store: Store, tenant: Tenant) -> None:
    job, lease = running(store, tenant.id)
    store.leases.finish(lease, RESULT)
    with pytest.raises(ConflictError, match="succeeded"):
        store.jobs.cancel(tenant.id, job.id)


def test_canceling_and_publishing_at_once_do_one_of_both(store: Store, tenant: Tenant) -> None:
    for _ in range(10):
        job, lease = running(store, tenant.id)
        with ThreadPoolExecutor(2) as both:
            published = both.submit(store.leases.finish, lease, RESULT)
            canceled = both.submit(store.jobs.cancel, tenant.id, job.id)
        state = store.jobs.get(tenant.id, job.id).state
        assert state in (JobState.SUCCEEDED, JobState.CANCELING)
        refused = canceled.exception() if state is JobState.SUCCEEDED else published.exception()
        assert isinstance(refused, ConflictError | CancelRequestedError)


def test_a_canceled_job_can_be_retried(store: Store, tenant: Tenant) -> None:
    job, lease = running(store, tenant.id)
    store.jobs.cancel(tenant.id, job.id)
    store.leases.canceled(lease)
    again = store.jobs.retry(tenant.id, job.id, PLENTY)
    assert (again.state, again.attempts) == (JobState.QUEUED, 0)
    assert (again.finished_at, again.expires_at, again.cancel_requested_at) == (None, None, None)
    successor = store.leases.claim(job.id, "next")
    assert successor is not None and successor.lease_token == lease.token + 1


def test_only_failed_and_canceled_jobs_are_retried(store: Store, tenant: Tenant) -> None:
    job, lease = running(store, tenant.id)
    with pytest.raises(ConflictError):
        store.jobs.retry(tenant.id, job.id, PLENTY)
    store.leases.finish(lease, RESULT)
    with pytest.raises(ConflictError):
        store.jobs.retry(tenant.id, job.id, PLENTY)


def test_a_deleted_job_is_gone_for_its_owner(store: Store, tenant: Tenant) -> None:
    job = queued(store, tenant.id)
    with pytest.raises(ConflictError):
        store.jobs.delete(tenant.id, job.id)
    store.jobs.cancel(tenant.id, job.id)
    store.jobs.delete(tenant.id, job.id)
    assert store.jobs.list(tenant.id) == []
    for ask in (store.jobs.get, store.jobs.delete, store.jobs.cancel):
        with pytest.raises(NotFoundError):
            ask(tenant.id, job.id)


def test_deleting_is_followed_by_removal(store: Store, tenant: Tenant) -> None:
    job = queued(store, tenant.id)
    store.jobs.cancel(tenant.id, job.id)
    store.jobs.delete(tenant.id, job.id)
    assert [due.id for due in store.retention.jobs()] == [job.id]
    store.retention.expire(job.id)
    assert store.retention.jobs() == [] and store.events.after(tenant.id, 0) == []


def test_finished_jobs_expire(store: Store, tenant: Tenant, clock: Clock) -> None:
    job, lease = running(store, tenant.id)
    store.leases.finish(lease, RESULT)
    assert store.retention.jobs() == []
    store.retention.expire(job.id)
    assert store.jobs.get(tenant.id, job.id).state is JobState.SUCCEEDED
    clock.ahead = timedelta(days=31)
    assert [due.id for due in store.retention.jobs()] == [job.id]
    store.retention.expire(job.id)
    expired = store.jobs.get(tenant.id, job.id)
    assert (expired.state, expired.outputs) == (JobState.EXPIRED, None)
    assert store.retention.jobs() == []
    with pytest.raises(ConflictError):
        store.jobs.retry(tenant.id, job.id, PLENTY)
    with pytest.raises(LeaseLostError):
        store.leases.finish(lease, RESULT)


def test_ended_states_are_those_that_can_be_deleted(store: Store, tenant: Tenant) -> None:
    job, lease = running(store, tenant.id)
    store.leases.finish(lease, RESULT)
    assert store.jobs.get(tenant.id, job.id).state in ENDED
    store.jobs.delete(tenant.id, job.id)
    assert store.jobs.list(tenant.id) == []
