from datetime import timedelta

import pytest

from afgen.errors import AssetInUseError, AssetNotReadyError, NotFoundError, QuotaError
from afgen.jobs.ids import Kind, new_id
from afgen.jobs.store import Store
from afgen.jobs.store.assets import NewAsset
from afgen.jobs.store.schedules import NewSchedule
from afgen.jobs.tables import Asset, Tenant
from tests.jobs.conftest import Clock
from tests.jobs.made import PLENTY, queued, spec_of, uploaded

DAY = timedelta(days=1)


def begun(store: Store, tenant: Tenant, size: int = 10, most: int = PLENTY) -> Asset:
    asset_id = new_id(Kind.ASSET, store.database.now())
    new = NewAsset(asset_id, "recording", "a.mp4", "video/mp4", size, f"inputs/{asset_id}", DAY)
    return store.assets.create(tenant.id, new, most)


def test_an_upload_is_begun_and_completed(store: Store, tenant: Tenant) -> None:
    asset = begun(store, tenant)
    assert asset.state == "uploading"
    done = store.assets.complete(
        tenant.id, asset.id, bytes=12, sha256="0" * 64, facts={"seconds": 3}, keep=DAY
    )
    assert (done.state, done.bytes, done.facts) == ("ready", 12, {"seconds": 3})
    assert store.assets.by_ids(tenant.id, [asset.id, "ast_other"]).keys() == {asset.id}


def test_an_upload_is_settled_once(store: Store, tenant: Tenant) -> None:
    asset = begun(store, tenant)
    rejected = store.assets.reject(tenant.id, asset.id, {"code": "not_media"}, DAY)
    assert rejected.state == "rejected" and rejected.error == {"code": "not_media"}
    with pytest.raises(AssetNotReadyError, match="rejected"):
        store.assets.complete(tenant.id, asset.id, bytes=1, sha256=None, facts={}, keep=DAY)
    with pytest.raises(NotFoundError):
        store.assets.reject(tenant.id, "ast_nobody", {}, DAY)


def test_beginning_twice_begins_once(store: Store, tenant: Tenant) -> None:
    asset = begun(store, tenant)
    new = NewAsset(asset.id, "portrait", "b.png", "image/png", 99, "elsewhere", DAY)
    assert store.assets.create(tenant.id, new, PLENTY).filename == "a.mp4"


def test_bytes_have_a_quota(store: Store, tenant: Tenant) -> None:
    begun(store, tenant, 60, most=100)
    with pytest.raises(QuotaError):
        begun(store, tenant, 41, most=100)
    begun(store, tenant, 40, most=100)
    assert store.assets.bytes_stored(tenant.id) == 100


def test_lists_leave_out_what_is_deleted(store: Store, tenant: Tenant) -> None:
    kept, gone = uploaded(store, tenant.id), uploaded(store, tenant.id)
    uploading = begun(store, tenant)
    store.assets.delete(tenant.id, gone.id)
    assert [asset.id for asset in store.assets.list(tenant.id)] == [uploading.id, kept.id]
    assert [asset.id for asset in store.assets.list(tenant.id, state="ready")] == [kept.id]
    with pytest.raises(NotFoundError):
        store.assets.get(tenant.id, gone.id)
    assert store.assets.bytes_stored(tenant.id) == 20


def test_an_upload_is_kept_while_a_job_needs_it(store: Store, tenant: Tenant, clock: Clock) -> None:
    asset = uploaded(store, tenant.id)
    job = queued(store, tenant.id, portrait=asset.id)
    clock.ahead = timedelta(days=2)
    with pytest.raises(AssetInUseError):
        store.assets.delete(tenant.id, asset.id)
    assert store.retention.assets() == [] and not store.retention.forget_asset(asset.id)
    store.jobs.cancel(tenant.id, job.id)
    assert [due.id for due in store.retention.assets()] == [asset.id]
    assert store.retention.forget_asset(asset.id)
    assert [due.id for due in store.retention.assets()] == [asset.id]
    store.retention.asset_is_gone(asset.id)
    assert store.retention.assets() == []
    with pytest.raises(AssetNotReadyError):
        store.jobs.retry(tenant.id, job.id, PLENTY)


def test_an_upload_is_kept_as_long_as_its_schedule(
    store: Store, tenant: Tenant, clock: Clock
) -> None:
    asset, other = uploaded(store, tenant.id), uploaded(store, tenant.id)
    spec = spec_of(portrait=asset.id).model_dump(mode="json")
    now = store.database.now()
    new = NewSchedule(
        new_id(Kind.SCHEDULE, now), "", "0 0 1 1 *", "UTC", "skip", "once", spec, now + DAY, False
    )
    schedule = store.schedules.create(tenant.id, new)
    clock.ahead = timedelta(days=100)
    with pytest.raises(AssetInUseError):
        store.assets.delete(tenant.id, asset.id)
    assert [due.id for due in store.retention.assets()] == [other.id]
    assert not store.retention.forget_asset(asset.id)
    store.schedules.delete(tenant.id, schedule.id)
    assert store.retention.forget_asset(asset.id)


def test_uploads_never_completed_are_removed(store: Store, tenant: Tenant, clock: Clock) -> None:
    asset = begun(store, tenant)
    clock.ahead = timedelta(days=2)
    assert [due.id for due in store.retention.assets()] == [asset.id]
