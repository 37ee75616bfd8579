"""Lists page by page, the newest first: each page begins after the last row of the one before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, literal, select, tuple_
from sqlalchemy.orm import Session

from afgen.jobs.tables import (
    ApiKey,
    Asset,
    Batch,
    Delivery,
    Endpoint,
    Job,
    Schedule,
    UtcDateTime,
)

Row = TypeVar("Row", ApiKey, Asset, Batch, Delivery, Endpoint, Job, Schedule)


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a list: that of the row made at this time, with this id."""

    created_at: datetime
    id: str


def page(
    session: Session,
    table: type[Row],
    *conditions: ColumnElement[bool],
    after: Place | None,
    limit: int,
) -> Sequence[Row]:
    """At most `limit` rows, the newest first, from those after the place `after`.

    Whatever is added meanwhile, no row is shown twice or left out.
    """
    rows = select(table).where(*conditions)
    if after is not None:
        last = tuple_(literal(after.created_at, UtcDateTime()), literal(after.id))
        rows = rows.where(tuple_(table.created_at, table.id) < last)
    rows = rows.order_by(table.created_at.desc(), table.id.desc()).limit(limit)
    return session.scalars(rows).all()


def place_of(row: Any) -> Place:
    """Where a row of a list is."""
    return Place(row.created_at, row.id)
