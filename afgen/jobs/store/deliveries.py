"""Webhook endpoints, and what is still to be told to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, literal, select, update
from sqlalchemy.orm import Session

from afgen.errors import NotFoundError
from afgen.jobs.ids import Kind, new_id
from afgen.jobs.store.database import Database, DatabaseTime
from afgen.jobs.store.lists import Place, page
from afgen.jobs.tables import Delivery, Endpoint, Json

PENDING, DELIVERED, FAILED = "pending", "delivered", "failed"


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """An endpoint to be made. `secrets` as in the table; no `kinds` means all."""

    id: str
    url: str
    kinds: list[str]
    secrets: list[Json]


class Endpoints:
    """The webhook endpoints of tenants."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, tenant_id: str, new: NewEndpoint) -> Endpoint:
        """Make an endpoint, or find the one made with the same id."""
        with self._database.write() as session:
            if session.get(Endpoint, new.id) is not None:
                return _own(session, tenant_id, new.id)
            endpoint = Endpoint(
                id=new.id, tenant_id=tenant_id, url=new.url, kinds=new.kinds,
                secrets=new.secrets, enabled=True, created_at=self._database.now(),
            )  # fmt: skip
            session.add(endpoint)
        return endpoint

    def get(self, tenant_id: str, endpoint_id: str) -> Endpoint:
        """One endpoint. Raises NotFoundError."""
        with self._database.read() as session:
            return _own(session, tenant_id, endpoint_id)

    def list(
        self, tenant_id: str, *, after: Place | None = None, limit: int = 50
    ) -> Sequence[Endpoint]:
        """A page of endpoints, the newest first."""
        own = Endpoint.tenant_id == tenant_id
        with self._database.read() as session:
            return page(session, Endpoint, own, after=after, limit=limit)

    def change(self, tenant_id: str, endpoint_id: str, **changes: Any) -> Endpoint:
        """Set columns by name; one that is enabled begins anew. Raises NotFoundError."""
        if changes.get("enabled"):
            changes |= {"disabled_reason": None, "failing_since": None}
        with self._database.write() as session:
            _own(session, tenant_id, endpoint_id)
            own = (Endpoint.id == endpoint_id, Endpoint.tenant_id == tenant_id)
            changed = update(Endpoint).where(*own).values(changes).returning(Endpoint)
            return session.scalars(changed, execution_options={"populate_existing": True}).one()

    def delete(self, tenant_id: str, endpoint_id: str) -> None:
        """Delete an endpoint and its deliveries. Raises NotFoundError."""
        with self._database.write() as session:
            endpoint = _own(session, tenant_id, endpoint_id)
            session.execute(delete(Endpoint).where(Endpoint.id == endpoint.id))

    def count(self, tenant_id: str) -> int:
        """How many endpoints a tenant has."""
        counted = select(func.count()).where(Endpoint.tenant_id == tenant_id)
        with self._database.read() as session:
            return session.scalar(counted) or 0

    def heard(self, endpoint_id: str, delivered: bool, give_up_after: timedelta) -> None:
        """Note whether a delivery arrived; after failures alone for so long, turn it off."""
        now = self._database.now()
        this = update(Endpoint).where(Endpoint.id == endpoint_id)
        with self._database.write() as session:
            if delivered:
                session.execute(this.values(failing_since=None))
                return
            session.execute(this.where(Endpoint.failing_since.is_(None)).values(failing_since=now))
            too_long = this.where(Endpoint.enabled, Endpoint.failing_since <= now - give_up_after)
            session.execute(too_long.values(enabled=False, disabled_reason="failing"))

    def turn_off(self, endpoint_id: str, reason: str) -> None:
        """Send nothing there any more."""
        off = {"enabled": False, "disabled_reason": reason}
        with self._database.write() as session:
            session.execute(update(Endpoint).where(Endpoint.id == endpoint_id).values(off))


class Deliveries:
    """Events on their way to endpoints; made with the events themselves (see `events.record`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim_due(
        self, hold_s: float, limit: int = 50, per_endpoint: int = 4
    ) -> Sequence[tuple[Delivery, Endpoint]]:
        """Deliveries to be made now, each counted as an attempt and held back from others.

        At most `per_endpoint` go to one, so that others need not wait for one that is slow.
        Whoever does not `settle` one within `hold_s` leaves it to be claimed again.
        """
        is_due = (Delivery.state == PENDING, Delivery.next_at <= DatabaseTime())
        turn = func.row_number().over(
            partition_by=Delivery.endpoint_id, order_by=(Delivery.next_at, Delivery.id)
        )
        turns = select(Delivery.id, turn.label("turn")).where(*is_due).subquery()
        due = (
            select(Delivery.id)
            .join(turns, turns.c.id == Delivery.id)
            .where(*is_due, turns.c.turn <= per_endpoint)
            .order_by(Delivery.next_at)
            .limit(limit)
            .with_for_update(skip_locked=True, of=Delivery)
        )
        with self._database.write() as session:
            ids = session.scalars(due).all()
            held = {
                "attempts": Delivery.attempts + 1,
                "next_at": DatabaseTime(hold_s),
                "last_at": self._database.now(),
            }
            session.execute(
                update(Delivery)
                .where(Delivery.id.in_(ids))
                .values(held)
                .execution_options(synchronize_session=False)
            )
            pairs = (
                select(Delivery, Endpoint)
                .join(Endpoint, Endpoint.id == Delivery.endpoint_id)
                .where(Delivery.id.in_(ids))
                .order_by(Delivery.id)
            )
            return [(delivery, endpoint) for delivery, endpoint in session.execute(pairs)]

    def put_off(self, endpoint_id: str, pause_s: float) -> None:
        """Let what is due for an endpoint, or soon will be, wait so long; no attempt is counted."""
        later = DatabaseTime(pause_s)
        waiting = (
            select(Delivery.id)
            .where(
                Delivery.endpoint_id == endpoint_id,
                Delivery.state == PENDING,
                Delivery.next_at < later,
            )
            .with_for_update(skip_locked=True)  # whoever has one of them puts it off as well
        )
        putting_off = update(Delivery).where(Delivery.id.in_(waiting)).values(next_at=later)
        with self._database.write() as session:
            session.execute(putting_off.execution_options(synchronize_session=False))

    def settle(
        self,
        delivery: Delivery,
        *,
        delivered: bool,
        next_at: datetime | None = None,
        status: int | None = None,
        error: str | None = None,
    ) -> bool:
        """Note what came of a claimed attempt; without `next_at`, a failure is the last one.

        False: another attempt has begun meanwhile, and this one does not count.
        """
        again = not delivered and next_at is not None
        state = DELIVERED if delivered else PENDING if again else FAILED
        attempt = (Delivery.id == delivery.id, Delivery.attempts == delivery.attempts)
        came = {
            "state": state,
            "next_at": next_at if again else None,
            "last_status": status,
            "last_error": error,
        }
        settled = update(Delivery).where(*attempt, Delivery.state == PENDING).values(came)
        with self._database.write() as session:
            return session.connection().execute(settled).rowcount == 1

    def add(self, tenant_id: str, endpoint_id: str, kind: str, data: Json) -> Delivery:
        """A delivery that no event asked for, as to try an endpoint out. Raises NotFoundError."""
        now = self._database.now()
        payload = {"type": kind, "timestamp": now.isoformat(), "data": data}
        with self._database.write() as session:
            _own(session, tenant_id, endpoint_id)
            delivery = Delivery(
                id=new_id(Kind.DELIVERY, now), tenant_id=tenant_id, endpoint_id=endpoint_id,
                kind=kind, payload=payload, state=PENDING, attempts=0, created_at=now, next_at=now,
            )  # fmt: skip
            session.add(delivery)
        return delivery

    def get(self, tenant_id: str, delivery_id: str) -> Delivery:
        """One delivery. Raises NotFoundError."""
        with self._database.read() as session:
            return _own_delivery(session, tenant_id, delivery_id)

    def list(
        self,
        tenant_id: str,
        endpoint_id: str,
        *,
        state: str | None = None,
        after: Place | None = None,
        limit: int = 50,
    ) -> Sequence[Delivery]:
        """A page of an endpoint's deliveries, the newest first. Raises NotFoundError."""
        conditions = [Delivery.endpoint_id == endpoint_id]
        if state is not None:
            conditions.append(Delivery.state == state)
        with self._database.read() as session:
            _own(session, tenant_id, endpoint_id)
            return page(session, Delivery, *conditions, after=after, limit=limit)

    def again(self, tenant_id: str, delivery_id: str) -> Delivery:
        """Deliver once more, with all attempts, under the same id. Raises NotFoundError."""
        with self._database.write() as session:
            delivery = _own_delivery(session, tenant_id, delivery_id)
            delivery.state, delivery.attempts = PENDING, 0
            delivery.next_at = self._database.now()
            return delivery

    def forget_before(self, moment: datetime, limit: int = 1000) -> int:
        """Forget at most `limit` deliveries made before `moment` and settled; returns how many."""
        old = (
            select(Delivery.id)
            .where(Delivery.state != literal(PENDING, literal_execute=True))
            .where(Delivery.created_at < moment)
            .limit(limit)
        )
        with self._database.write() as session:
            gone = delete(Delivery).where(Delivery.id.in_(old))
            return session.connection().execute(gone).rowcount


def _own(session: Session, tenant_id: str, endpoint_id: str) -> Endpoint:
    endpoint = session.get(Endpoint, endpoint_id)
    if endpoint is None or endpoint.tenant_id != tenant_id:
        raise NotFoundError(f"There is no webhook endpoint {endpoint_id}.")
    return endpoint


def _own_delivery(session: Session, tenant_id: str, delivery_id: str) -> Delivery:
    delivery = session.get(Delivery, delivery_id)
    if delivery is None or delivery.tenant_id != tenant_id:
        raise NotFoundError(f"There is no delivery {delivery_id}.")
    return delivery
