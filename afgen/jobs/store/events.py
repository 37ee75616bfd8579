"""What happened, in order: written with each change, and told to those who want to know."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from afgen.errors import NotFoundError
from afgen.jobs.ids import Kind, new_ids
from afgen.jobs.store.database import Database, DatabaseTime
from afgen.jobs.tables import Batch, Delivery, Endpoint, Event, Json

BATCH_FINISHED = "batch.finished"
TOLD = ("job.succeeded", "job.failed", "job.canceled", BATCH_FINISHED)  # to webhook endpoints


@dataclass(frozen=True, slots=True)
class Happening:
    """An event that has no number yet."""

    tenant_id: str
    kind: str
    data: Json = field(default_factory=dict)
    job_id: str | None = None
    batch_id: str | None = None


class Events:
    """The log of events."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def after(
        self,
        tenant_id: str,
        seq: int,
        *,
        job_id: str | None = None,
        batch_id: str | None = None,
        limit: int = 100,
    ) -> Sequence[Event]:
        """The next events after number `seq` (0: from the start), of one job, a batch, or all.

        The events of one job, or of one batch, become visible in the order of their numbers:
        its row is locked while they are written. Those of a whole tenant may not.
        """
        chosen = select(Event).where(Event.tenant_id == tenant_id, Event.seq > seq)
        if job_id is not None:
            chosen = chosen.where(Event.job_id == job_id)
        if batch_id is not None:
            chosen = chosen.where(Event.batch_id == batch_id)
        with self._database.read() as session:
            return session.scalars(chosen.order_by(Event.seq).limit(limit)).all()

    def get(self, tenant_id: str, seq: int) -> Event:
        """One event. Raises NotFoundError."""
        with self._database.read() as session:
            event = session.get(Event, seq)
        if event is None or event.tenant_id != tenant_id:
            raise NotFoundError(f"There is no event {seq}.")
        return event


def record(session: Session, at: datetime, happenings: Sequence[Happening]) -> None:
    """Append events, and a delivery of each for every endpoint that wants to be told of it.

    Numbers are given now and seen after the commit. So that who follows a batch never sees a
    number before a smaller one, writers of one batch take turns from here to their commit.
    """
    if not happenings:
        return
    lock_batches(session, {one.batch_id for one in happenings if one.batch_id is not None})
    session.execute(insert(Event), [_event(at, happening) for happening in happenings])
    told = [happening for happening in happenings if happening.kind in TOLD]
    if told:
        _deliver(session, at, told)


def lock_batches(session: Session, batch_ids: Collection[str]) -> Sequence[Batch]:
    """The batches, which no other transaction changes until this one ends.

    Whoever locks several does so at once, in the order of their ids: nobody waits in a circle.
    """
    if not batch_ids:
        return []
    chosen = select(Batch).where(Batch.id.in_(batch_ids)).order_by(Batch.id)
    return session.scalars(chosen.with_for_update(key_share=True)).all()


def _event(at: datetime, happening: Happening) -> dict[str, Any]:
    return {
        "tenant_id": happening.tenant_id,
        "job_id": happening.job_id,
        "batch_id": happening.batch_id,
        "at": at,
        "kind": happening.kind,
        "data": happening.data,
    }


def _deliver(session: Session, at: datetime, told: Sequence[Happening]) -> None:
    tenants = {happening.tenant_id for happening in told}
    wanting = select(Endpoint).where(Endpoint.tenant_id.in_(tenants), Endpoint.enabled)
    endpoints = session.scalars(wanting).all()
    wanted = [
        (endpoint, happening)
        for happening in told
        for endpoint in endpoints
        if endpoint.tenant_id == happening.tenant_id
        and (not endpoint.kinds or happening.kind in endpoint.kinds)
    ]
    if not wanted:
        return
    ids = new_ids(Kind.DELIVERY, at, len(wanted))
    due = {"next_at": session.scalar(select(DatabaseTime()))}
    rows = [_delivery(new, at, *pair) | due for new, pair in zip(ids, wanted, strict=True)]
    session.execute(insert(Delivery), rows)


def _delivery(
    delivery_id: str, at: datetime, endpoint: Endpoint, happening: Happening
) -> dict[str, Any]:
    payload = {"type": happening.kind, "timestamp": at.isoformat(), "data": happening.data}
    return {
        "id": delivery_id,
        "tenant_id": happening.tenant_id,
        "endpoint_id": endpoint.id,
        "kind": happening.kind,
        "payload": payload,
        "state": "pending",
        "attempts": 0,
        "created_at": at,
    }
