"""Cursors: where a list goes on, sealed so that they can be passed on but not made or changed."""

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import Query

from afgen.errors import CursorError
from afgen.jobs.store.lists import Place, place_of
from api.schemas.common import Page

_PURPOSE = b"afgen cursors of lists, 1"
_SEAL_BYTES = 16
_MOST_CHARACTERS = 512

Row = TypeVar("Row")
Item = TypeVar("Item")

Limit = Annotated[int, Query(ge=1, le=200, description="at most so many items", examples=[50])]
Cursor = Annotated[
    str | None,
    Query(max_length=_MOST_CHARACTERS, description="`next_cursor` of the page before"),
]


class Cursors:
    """Seals places in lists. A cursor is good for the list and filters it came from, only."""

    def __init__(self, secret: str) -> None:
        self._key = hmac.digest(secret.encode(), _PURPOSE, "sha256")

    def seal(self, place: Place, scope: str) -> str:
        """The cursor that stands for a place."""
        text = json.dumps([place.created_at.isoformat(), place.id]).encode()
        return base64.urlsafe_b64encode(self._seal(text, scope) + text).decode().rstrip("=")

    def open(self, cursor: str, scope: str) -> Place:
        """The place that a cursor stands for. Raises CursorError."""
        try:
            data = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        except (binascii.Error, UnicodeEncodeError):
            raise CursorError("This is not a cursor.") from None
        seal, text = data[:_SEAL_BYTES], data[_SEAL_BYTES:]
        if not hmac.compare_digest(seal, self._seal(text, scope)):
            raise CursorError("The cursor is of another list, or of other filters.")
        created_at, row_id = json.loads(text)
        return Place(datetime.fromisoformat(created_at), row_id)

    def _seal(self, text: bytes, scope: str) -> bytes:
        return hmac.digest(self._key, scope.encode() + b"\0" + text, "sha256")[:_SEAL_BYTES]


def paged(
    cursors: Cursors,
    scope: Sequence[object],
    cursor: str | None,
    limit: int,
    read: Callable[[Place | None, int], Sequence[Row]],
    tell: Callable[[Row], Item],
) -> Page[Item]:
    """One page of what `read(after, limit)` gives; `scope` is whose list it is, and the filters.

    One row more than asked for is read: it tells whether there is another page.
    Raises CursorError.
    """
    named = json.dumps([str(part) for part in scope])
    after = None if cursor is None else cursors.open(cursor, named)
    rows = read(after, limit + 1)
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(
        items=[tell(row) for row in shown],
        next_cursor=cursors.seal(place_of(shown[-1]), named) if more else None,
    )
