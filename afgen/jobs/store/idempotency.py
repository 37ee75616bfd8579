"""Requests that must not be done twice (IETF draft: the Idempotency-Key HTTP header field).

The id of what a request makes is chosen when its key is first seen, and making a job, batch or
upload with an id that is there already finds it. So a request that was cut off anywhere can be sent
again: it goes on where it was, and nothing is made twice.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from afgen.errors import IdempotencyBusyError, IdempotencyMismatchError
from afgen.jobs.store.database import Database, insert_new
from afgen.jobs.tables import IdempotencyKey, Json

_BUSY = timedelta(seconds=60)  # a request that has not been answered for so long never will be


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked: `action` is method and path, `body_sha256` the hash of the body."""

    key: str
    action: str
    body_sha256: str


@dataclass(frozen=True, slots=True)
class Replay:
    """The answer that was given before."""

    status: int
    response: Json


class Idempotency:
    """Requests by tenant and key, kept for a day (see `forget_before`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, tenant_id: str, request: Request, resource_id: str) -> str | Replay:
        """The id for what the request makes, or the answer if it was given already.

        `resource_id` is the id to use if the key is new.

        Raises:
            IdempotencyMismatchError: the key was used for another request.
            IdempotencyBusyError: the same request is being answered at this moment.
        """
        now = self._database.now()
        fresh = {
            "tenant_id": tenant_id,
            "key": request.key,
            "request": request.action,
            "body_sha256": request.body_sha256,
            "resource_id": resource_id,
            "created_at": now,
            "begun_at": now,
        }
        with self._database.write() as session:
            if insert_new(session, IdempotencyKey, fresh, ("tenant_id", "key")):
                return resource_id
            mine = (IdempotencyKey.tenant_id == tenant_id, IdempotencyKey.key == request.key)
            known = session.scalars(select(IdempotencyKey).where(*mine).with_for_update()).one()
            return _again(known, request, now)

    def complete(self, tenant_id: str, key: str, status: int, response: Json) -> None:
        """Keep the answer for whoever asks again. Errors are not kept: see `abandon`."""
        mine = (IdempotencyKey.tenant_id == tenant_id, IdempotencyKey.key == key)
        answered = update(IdempotencyKey).where(*mine).values(status=status, response=response)
        with self._database.write() as session:
            session.execute(answered)

    def abandon(self, tenant_id: str, key: str) -> None:
        """Nothing was made: the key may be used anew, also with another body."""
        unanswered = (
            IdempotencyKey.tenant_id == tenant_id,
            IdempotencyKey.key == key,
            IdempotencyKey.status.is_(None),
        )
        with self._database.write() as session:
            session.execute(delete(IdempotencyKey).where(*unanswered))

    def forget_before(self, moment: datetime) -> int:
        """Forget keys made before `moment`; returns how many."""
        old = delete(IdempotencyKey).where(IdempotencyKey.created_at < moment)
        with self._database.write() as session:
            return session.connection().execute(old).rowcount


def _again(known: IdempotencyKey, request: Request, now: datetime) -> str | Replay:
    if (known.request, known.body_sha256) != (request.action, request.body_sha256):
        raise IdempotencyMismatchError("This Idempotency-Key belongs to another request.")
    if known.status is not None:
        return Replay(known.status, known.response or {})
    if now - known.begun_at < _BUSY:
        raise IdempotencyBusyError("The first request with this Idempotency-Key is at work.")
    known.begun_at = now
    return known.resource_id
