"""Deleting what was kept long enough: files first, then the rows say so.

Whatever breaks a pass off, the next one finds the same rows due again: nothing is deleted that a
row still promises, and no file stays whose row is forgotten.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

from afgen.errors import StorageError
from afgen.jobs.blobs.interface import Blobs
from afgen.jobs.blobs.layout import outputs_prefix, work_prefix
from afgen.jobs.store import Store
from afgen.jobs.tables import Asset, Job

log = logging.getLogger(__name__)

KEEP_REQUESTS: Final = timedelta(days=1)  # as long as clients may try again under the same key
KEEP_DELIVERIES: Final = timedelta(days=30)  # as long as their receivers may ask what was sent
_Row = TypeVar("_Row", Asset, Job)


@dataclass(frozen=True, slots=True)
class Deleted:
    """How much a pass has deleted."""

    jobs: int
    batches: int
    assets: int
    requests: int
    deliveries: int


def delete_due(store: Store, blobs: Blobs, limit: int = 500) -> Deleted:
    """Delete files whose time is over by the store's clock, of `limit` jobs and uploads at most.

    Raises:
        StorageUnavailableError, DatabaseUnavailableError: the rest is for the next pass.
    """
    now = store.database.now()
    return Deleted(
        jobs=_each(store.retention.jobs(limit), lambda job: _delete_job(store, blobs, job)),
        batches=store.retention.forget_batches(limit),
        assets=_each(store.retention.assets(limit), lambda one: _delete_asset(store, blobs, one)),
        requests=store.idempotency.forget_before(now - KEEP_REQUESTS),
        deliveries=store.deliveries.forget_before(now - KEEP_DELIVERIES),
    )


def _each(rows: Sequence[_Row], delete: Callable[[_Row], bool]) -> int:
    """Delete all; what the store of files refuses for one row does not keep the others."""
    deleted = 0
    for row in rows:
        try:
            deleted += delete(row)
        except StorageError as error:
            if error.retryable:
                raise
            log.error("%s cannot be deleted: %s", row.id, error)
    return deleted


def _delete_job(store: Store, blobs: Blobs, job: Job) -> bool:
    """Files of all attempts, also of those that were fenced off while they published."""
    blobs.delete_prefix(outputs_prefix(job.tenant_id, job.id))
    blobs.delete_prefix(work_prefix(job.id))
    store.retention.expire(job.id)
    return True


def _delete_asset(store: Store, blobs: Blobs, asset: Asset) -> bool:
    """Out of use first, for a job might ask for it; and then the file, complete or in parts."""
    if not store.retention.forget_asset(asset.id):
        return False
    if upload_id := (asset.upload or {}).get("upload_id"):
        blobs.abort_upload(asset.blob_key, upload_id)
    blobs.delete(asset.blob_key)
    store.retention.asset_is_gone(asset.id)
    return True
