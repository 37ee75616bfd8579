"""Uploads: begun, completed or rejected, and removed when nothing needs them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, exists, func, or_, select, update
from sqlalchemy.orm import Session

from afgen.errors import AssetInUseError, AssetNotReadyError, NotFoundError, QuotaError
from afgen.jobs.states import ACTIVE
from afgen.jobs.store.database import Database, in_states
from afgen.jobs.store.lists import Place, page
from afgen.jobs.tables import Asset, Job, JobAsset, Json, Schedule, Tenant

_TOGETHER = 500  # ids in one statement; databases bound them
UPLOADING, READY, REJECTED, DELETED = "uploading", "ready", "rejected", "deleted"


@dataclass(frozen=True, slots=True)
class NewAsset:
    """An upload to be begun. `bytes` is what was announced, `keep` how long it may take."""

    id: str
    kind: str  # portrait or recording
    filename: str
    content_type: str
    bytes: int
    blob_key: str
    keep: timedelta
    upload: Json | None = None


class Assets:
    """The uploads of tenants."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, tenant_id: str, new: NewAsset, most_bytes: float) -> Asset:
        """Begin an upload, or find the one begun with the same id.

        Raises QuotaError when the tenant would have more than `most_bytes` stored.
        """
        now = self._database.now()
        with self._database.write() as session:
            if (there := session.get(Asset, new.id)) is not None:
                return _own(session, tenant_id, there.id)
            _require_room(session, tenant_id, new.bytes, most_bytes)
            asset = Asset(
                id=new.id, tenant_id=tenant_id, state=UPLOADING, kind=new.kind,
                filename=new.filename, content_type=new.content_type, bytes=new.bytes,
                blob_key=new.blob_key, upload=new.upload, created_at=now,
                expires_at=now + new.keep,
            )  # fmt: skip
            session.add(asset)
        return asset

    def get(self, tenant_id: str, asset_id: str) -> Asset:
        """One upload. Raises NotFoundError."""
        with self._database.read() as session:
            return _own(session, tenant_id, asset_id)

    def list(
        self,
        tenant_id: str,
        *,
        state: str | None = None,
        after: Place | None = None,
        limit: int = 50,
    ) -> Sequence[Asset]:
        """A page of uploads, the newest first."""
        chosen = Asset.state != DELETED if state is None else Asset.state == state
        with self._database.read() as session:
            own = (Asset.tenant_id == tenant_id, chosen)
            return page(session, Asset, *own, after=after, limit=limit)

    def by_ids(self, tenant_id: str, asset_ids: Sequence[str]) -> dict[str, Asset]:
        """Those of the uploads that there are, by id."""
        own = select(Asset).where(Asset.tenant_id == tenant_id, Asset.state != DELETED)
        found: dict[str, Asset] = {}
        with self._database.read() as session:
            for start in range(0, len(asset_ids), _TOGETHER):
                some = own.where(Asset.id.in_(asset_ids[start : start + _TOGETHER]))
                found |= {asset.id: asset for asset in session.scalars(some)}
        return found

    def complete(
        self,
        tenant_id: str,
        asset_id: str,
        *,
        bytes: int,  # noqa: A002
        sha256: str | None,
        facts: Json,
        keep: timedelta,
    ) -> Asset:
        """The file is there and can be used. Raises NotFoundError, AssetNotReadyError."""
        found = {"bytes": bytes, "sha256": sha256, "facts": facts}
        return self._settle(tenant_id, asset_id, READY, keep, **found)

    def reject(self, tenant_id: str, asset_id: str, error: Json, keep: timedelta) -> Asset:
        """The file is there and cannot be used. Raises NotFoundError, AssetNotReadyError."""
        return self._settle(tenant_id, asset_id, REJECTED, keep, error=error)

    def delete(self, tenant_id: str, asset_id: str) -> Asset:
        """Take an upload out of sight; the caller, or else retention, then deletes its blob.

        Raises NotFoundError; AssetInUseError when a job that has not ended or a schedule needs it.
        """
        with self._database.write() as session:
            asset = _own(session, tenant_id, asset_id, lock=True)
            if session.scalar(select(needed(asset_id))):
                raise AssetInUseError(f"A job that has not ended, or a schedule, needs {asset_id}.")
            asset.state, asset.expires_at = DELETED, self._database.now()
            return asset

    def bytes_stored(self, tenant_id: str) -> int:
        """What counts against the quota: all uploads, also those only announced."""
        with self._database.read() as session:
            return _stored(session, tenant_id)

    def _settle(
        self, tenant_id: str, asset_id: str, state: str, keep: timedelta, **changes: Any
    ) -> Asset:
        values = {"state": state, "upload": None, "expires_at": self._database.now() + keep}
        with self._database.write() as session:
            settled: Asset | None = session.scalar(
                update(Asset)
                .where(Asset.id == asset_id, Asset.tenant_id == tenant_id)
                .where(Asset.state == UPLOADING)
                .values(**values, **changes)
                .returning(Asset)
            )
            if settled is None:
                asset = _own(session, tenant_id, asset_id)
                raise AssetNotReadyError(f"The upload {asset_id} is {asset.state} already.")
            return settled


def needed(asset_id: Any) -> ColumnElement[bool]:
    """Condition: a job that has not ended needs the upload, or a schedule for jobs to come."""
    by_job = exists().where(
        JobAsset.asset_id == asset_id, Job.id == JobAsset.job_id, in_states(ACTIVE)
    )
    by_schedule = exists().where(cast(Schedule.spec, Text).contains(asset_id))  # they are few
    return or_(by_job, by_schedule)


def _own(session: Session, tenant_id: str, asset_id: str, lock: bool = False) -> Asset:
    own = (Asset.id == asset_id, Asset.tenant_id == tenant_id, Asset.state != DELETED)
    chosen = select(Asset).where(*own)
    asset = session.scalar(chosen.with_for_update() if lock else chosen)
    if asset is None:
        raise NotFoundError(f"There is no upload {asset_id}.")
    return asset


def _require_room(session: Session, tenant_id: str, adding: int, most: float) -> None:
    session.execute(select(Tenant.id).where(Tenant.id == tenant_id).with_for_update(key_share=True))
    there = _stored(session, tenant_id)
    if there + adding > most:
        raise QuotaError(f"{there} bytes are stored, {adding} more would be over {most}.")


def _stored(session: Session, tenant_id: str) -> int:
    kept = (Asset.tenant_id == tenant_id, Asset.state.in_((UPLOADING, READY)))
    return int(session.scalar(select(func.coalesce(func.sum(Asset.bytes), 0)).where(*kept)) or 0)
