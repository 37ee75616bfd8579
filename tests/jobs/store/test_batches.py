from concurrent.futures import ThreadPoolExecutor

import pytest

from afgen.errors import AssetNotReadyError, ItemKeyTakenError, NotFoundError, QuotaError
from afgen.jobs.spec import BatchItem
from afgen.jobs.states import ACTIVE, JobState, Priority
from afgen.jobs.store import Store
from afgen.jobs.store.leases import lease_of
from afgen.jobs.tables import Batch, Tenant
from tests.jobs.made import PLENTY, RESULT, claim_next, items, spec_of


def made(store: Store, tenant: Tenant, count: int, batch_id: str = "bat_1") -> Batch:
    return store.batches.create(tenant.id, batch_id, "season 1", items(count), PLENTY)


def finish_one(store: Store) -> bool:
    job = claim_next(store, Priority.BATCH, "worker")
    if job is not None:
        store.leases.finish(lease_of(job), RESULT)
    return job is not None


def test_a_batch_is_made_with_its_jobs(store: Store, tenant: Tenant) -> None:
    batch = made(store, tenant, 5)
    assert store.batches.counts([batch.id]) == {batch.id: {JobState.QUEUED: 5}}
    assert [one.id for one in store.batches.list(tenant.id)] == [batch.id]
    listed = store.batches.items(tenant.id, batch.id)
    assert [job.item_key for job in listed] == [item.key for item in items(5)]
    assert [job.id for job in listed] == sorted(job.id for job in listed)


def test_a_batch_is_made_once_or_not_at_all(store: Store, tenant: Tenant) -> None:
    made(store, tenant, 3)
    assert made(store, tenant, 3).total == 3
    twins = [BatchItem(key="same", job=spec_of()) for _ in range(2)]
    with pytest.raises(ItemKeyTakenError):
        store.batches.create(tenant.id, "bat_2", "", twins, PLENTY)
    with pytest.raises(QuotaError):
        store.batches.create(tenant.id, "bat_3", "", items(3), 5)
    missing = [BatchItem(key="a", job=spec_of(portrait="ast_" + "0" * 26))]
    with pytest.raises(AssetNotReadyError):
        store.batches.create(tenant.id, "bat_4", "", missing, PLENTY)
    assert len(store.batches.list(tenant.id)) == 1 and len(store.jobs.list(tenant.id)) == 3


def test_items_come_page_by_page(store: Store, tenant: Tenant) -> None:
    batch = made(store, tenant, 5)
    first = store.batches.items(tenant.id, batch.id, limit=2)
    rest = store.batches.items(tenant.id, batch.id, after_key=first[-1].item_key)
    assert len(first) == 2 and len(rest) == 3
    assert store.batches.items(tenant.id, batch.id, state=JobState.FAILED) == []


def test_others_do_not_see_a_batch(store: Store, tenant: Tenant) -> None:
    batch, other = made(store, tenant, 1), store.tenants.create("theirs")
    for ask in (store.batches.get, store.batches.items, store.batches.cancel):
        with pytest.raises(NotFoundError):
            ask(other.id, batch.id)
    with pytest.raises(NotFoundError):
        made(store, other, 1, batch.id)


def test_a_batch_ends_with_its_last_job(store: Store, tenant: Tenant) -> None:
    batch = made(store, tenant, 2)
    finish_one(store)
    assert store.batches.get(tenant.id, batch.id).finished_at is None
    finish_one(store)
    assert store.batches.get(tenant.id, batch.id).finished_at is not None
    last = store.events.after(tenant.id, 0, batch_id=batch.id)[-1]
    assert last.kind == "batch.finished" and last.data["counts"] == {"succeeded": 2}
    assert not ACTIVE & store.batches.counts([batch.id])[batch.id].keys()


def test_the_end_of_a_batch_is_seen_once_when_jobs_end_at_once(
    store: Store, tenant: Tenant
) -> None:
    batch = made(store, tenant, 40)
    with ThreadPoolExecutor(8) as workers:
        list(workers.map(lambda _: finish_one(store), range(40)))
    events = store.events.after(tenant.id, 0, batch_id=batch.id, limit=1000)
    assert [event.kind for event in events].count("batch.finished") == 1


def test_a_retry_opens_the_batch_again(store: Store, tenant: Tenant) -> None:
    batch = made(store, tenant, 1)
    (job,) = store.batches.items(tenant.id, batch.id)
    store.jobs.cancel(tenant.id, job.id)
    assert store.batches.get(tenant.id, batch.id).finished_at is not None
    store.jobs.retry(tenant.id, job.id, PLENTY)
    assert store.batches.get(tenant.id, batch.id).finished_at is None


def test_a_batch_is_canceled_as_a_whole(store: Store, tenant: Tenant) -> None:
    batch = made(store, tenant, 600)
    job = claim_next(store, Priority.BATCH, "worker")
    assert job is not None
    assert store.batches.cancel(tenant.id, batch.id).finished_at is None
    assert store.batches.counts([batch.id])[batch.id] == {
        JobState.CANCELED: 599, JobState.CANCELING: 1,
    }  # fmt: skip
    store.leases.canceled(lease_of(job))
    assert store.batches.get(tenant.id, batch.id).finished_at is not None
