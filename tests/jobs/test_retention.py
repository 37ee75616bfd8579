import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from afgen.errors import (
    BlobKeyError,
    BlobMissingError,
    NotFoundError,
    StorageUnavailableError,
    UploadMissingError,
)
from afgen.jobs.blobs.interface import Blobs
from afgen.jobs.blobs.layout import attempt_prefix, work_prefix
from afgen.jobs.blobs.links import Links
from afgen.jobs.blobs.local import LocalBlobs
from afgen.jobs.ids import Kind, new_id
from afgen.jobs.retention import Deleted, delete_due
from afgen.jobs.states import JobState
from afgen.jobs.store import Store
from afgen.jobs.store.assets import NewAsset
from afgen.jobs.tables import Asset, Job, Tenant
from tests.jobs.conftest import Clock
from tests.jobs.made import PLENTY, RESULT, items, queued, running, uploaded

DAY = timedelta(days=1)
NOTHING = Deleted(jobs=0, batches=0, assets=0, requests=0, deliveries=0)


@pytest.fixture
def tables_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """One kind of database is enough: the SQL has tests of its own."""
    return f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'service.db')}"


@pytest.fixture
def blobs(tmp_path: Path, clock: Clock) -> Iterator[Blobs]:
    return LocalBlobs(tmp_path / "blobs", Links("http://127.0.0.1", "secret", clock))


def finished(store: Store, blobs: Blobs, tenant: Tenant) -> Job:
    """A job that succeeded at its second attempt, and its files."""
    job, lease = running(store, tenant.id)
    for token in (lease.token - 1, lease.token):
        blobs.put_bytes(f"{attempt_prefix(tenant.id, job.id, token)}video.mp4", b"video")
    blobs.put_bytes(f"{work_prefix(job.id)}fingerprint/000000.mp4", b"segment")
    return store.leases.finish(lease, RESULT)


def files_of(blobs: Blobs) -> list[str]:
    return [
        blob.key for root in ("inputs/", "outputs/", "work/") for blob in blobs.list_prefix(root)
    ]


def test_nothing_is_deleted_before_its_time(
    store: Store, blobs: Blobs, tenant: Tenant, clock: Clock
) -> None:
    finished(store, blobs, tenant)
    blobs.put_bytes(uploaded(store, tenant.id).blob_key, b"picture")
    clock.ahead = timedelta(hours=23)
    assert delete_due(store, blobs) == NOTHING
    assert len(files_of(blobs)) == 4


def test_files_of_a_job_go_and_its_row_says_so(
    store: Store, blobs: Blobs, tenant: Tenant, clock: Clock
) -> None:
    job = finished(store, blobs, tenant)
    clock.ahead = 400 * DAY
    assert delete_due(store, blobs).jobs == 1
    expired = store.jobs.get(tenant.id, job.id)
    assert (expired.state, expired.outputs) == (JobState.EXPIRED, None)
    assert files_of(blobs) == []
    assert delete_due(store, blobs) == NOTHING


def test_a_job_is_told_of_for_a_while_and_then_forgotten_with_its_batch(
    store: Store, blobs: Blobs, tenant: Tenant, clock: Clock
) -> None:
    batch = store.batches.create(tenant.id, "bat_1", "", items(2), PLENTY)
    for job in store.batches.items(tenant.id, batch.id):
        store.jobs.cancel(tenant.id, job.id)
    clock.ahead = 31 * DAY
    assert delete_due(store, blobs).jobs == 2
    clock.ahead += 364 * DAY
    assert delete_due(store, blobs) == NOTHING
    assert store.batches.counts([batch.id])[batch.id] == {JobState.EXPIRED: 2}
    clock.ahead += 1 * DAY
    deleted = delete_due(store, blobs)
    assert (deleted.jobs, deleted.batches) == (2, 1)
    with pytest.raises(NotFoundError):
        store.batches.get(tenant.id, batch.id)
    assert store.events.after(tenant.id, 0, batch_id=batch.id, limit=100) == []


def test_a_job_that_its_owner_deleted_goes_with_its_row(
    store: Store, blobs: Blobs, tenant: Tenant
) -> None:
    job = finished(store, blobs, tenant)
    store.jobs.delete(tenant.id, job.id)
    assert delete_due(store, blobs).jobs == 1
    assert files_of(blobs) == []
    with pytest.raises(NotFoundError):
        store.jobs.get(tenant.id, job.id)


def test_an_upload_stays_while_a_job_needs_it(
    store: Store, blobs: Blobs, tenant: Tenant, clock: Clock
) -> None:
    asset = uploaded(store, tenant.id)
    blobs.put_bytes(asset.blob_key, b"picture")
    job = queued(store, tenant.id, portrait=asset.id)
    clock.ahead = 2 * DAY
    assert delete_due(store, blobs) == NOTHING
    store.jobs.cancel(tenant.id, job.id)
    assert delete_due(store, blobs).assets == 1
    with pytest.raises(BlobMissingError):
        blobs.head(asset.blob_key)


def test_an_upload_never_completed_leaves_no_parts(
    store: Store, blobs: Blobs, tenant: Tenant, clock: Clock
) -> None:
    key = "inputs/never/recording.mp4"
    upload_id = blobs.begin_upload(key)
    asset_id = new_id(Kind.ASSET, store.database.now())
    upload = {"upload_id": upload_id, "part_bytes": 1}
    new = NewAsset(asset_id, "recording", "a.mp4", "video/mp4", 9, key, DAY, upload)
    store.assets.create(tenant.id, new, PLENTY)
    clock.ahead = 2 * DAY
    assert delete_due(store, blobs).assets == 1
    with pytest.raises(UploadMissingError):
        blobs.list_parts(key, upload_id)


class Failing:
    """A store of files in which some deletions fail."""

    def __init__(self, blobs: Blobs, error: Exception, key: str) -> None:
        self._blobs, self._error, self._key = blobs, error, key

    def delete(self, key: str) -> None:
        if key == self._key:
            raise self._error
        self._blobs.delete(key)


def two_due(store: Store, blobs: Blobs, tenant: Tenant, clock: Clock) -> tuple[Asset, Asset]:
    first, second = uploaded(store, tenant.id), uploaded(store, tenant.id)
    for asset in (first, second):
        blobs.put_bytes(asset.blob_key, b"picture")
    clock.ahead = 2 * DAY
    return first, second


def test_a_store_that_is_down_is_asked_again_later(
    store: Store, blobs: Blobs, tenant: Tenant, clock: Clock
) -> None:
    first, second = two_due(store, blobs, tenant, clock)
    down = Failing(blobs, StorageUnavailableError("Down."), first.blob_key)
    with pytest.raises(StorageUnavailableError):
        delete_due(store, down)  # type: ignore[arg-type]
    assert files_of(blobs) == [first.blob_key, second.blob_key]
    assert delete_due(store, blobs).assets == 2
    assert files_of(blobs) == []


def test_one_file_that_cannot_be_deleted_keeps_no_other(
    store: Store, blobs: Blobs, tenant: Tenant, clock: Clock
) -> None:
    first, _ = two_due(store, blobs, tenant, clock)
    refusing = Failing(blobs, BlobKeyError("Refused."), first.blob_key)
    assert delete_due(store, refusing).assets == 1  # type: ignore[arg-type]
    assert files_of(blobs) == [first.blob_key]
    assert delete_due(store, blobs).assets == 1


def test_uploads_that_their_owner_deleted_lose_their_files_for_sure(
    store: Store, blobs: Blobs, tenant: Tenant
) -> None:
    asset = uploaded(store, tenant.id)
    blobs.put_bytes(asset.blob_key, b"picture")
    store.assets.delete(tenant.id, asset.id)  # and then the process was killed
    assert delete_due(store, blobs).assets == 1
    assert files_of(blobs) == []
    assert delete_due(store, blobs) == NOTHING
