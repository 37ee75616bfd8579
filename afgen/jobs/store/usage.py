"""What tenants use, day by day."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from afgen.jobs.store.database import Database, insert_or_add
from afgen.jobs.tables import Usage


class UsageCounts:
    """The counters, one row a day and tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def between(self, tenant_id: str, first: date, last: date) -> Sequence[Usage]:
        """The days (UTC) from `first` to `last`, both included, on which anything was used."""
        days = (
            select(Usage)
            .where(Usage.tenant_id == tenant_id, Usage.day.between(first, last))
            .order_by(Usage.day)
        )
        with self._database.read() as session:
            return session.scalars(days).all()


def add_usage(
    session: Session, tenant_id: str, at: datetime, jobs: int, seconds: float, stored: int
) -> None:
    """Count up, within a transaction."""
    day = {"tenant_id": tenant_id, "day": at.astimezone(UTC).date()}
    insert_or_add(session, Usage, day, {"jobs": jobs, "seconds": seconds, "bytes": stored})
