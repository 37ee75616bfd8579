"""Webhooks: signed, tried again for three days, and given up on where nobody listens any more.

The format is that of Standard Webhooks 1.0 (github.com/standard-webhooks): the headers webhook-id,
webhook-timestamp and webhook-signature, with an HMAC-SHA256 of id, time and body for every secret
that is valid, so that secrets can be rotated without a gap. A message is told at least once, and
under the same id each time; receivers drop ids that they know.
"""

import base64
import json
import random
import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from standardwebhooks import Webhook

from afgen.errors import AddressRefusedError, FetchError
from afgen.jobs.outbound import Outbound, Reply
from afgen.jobs.store import Store
from afgen.jobs.store.database import Clock
from afgen.jobs.tables import Delivery, Endpoint, Json

# Before the second attempt, the third and so on; with the first, ten attempts in three days.
RETRY_AFTER: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 5 * 60, 30 * 60, *(hours * 3600 for hours in (2, 5, 10, 14, 20, 24)))
)
GIVE_UP_AFTER: Final = timedelta(days=5)  # of nothing but failures
ROTATION: Final = timedelta(days=1)  # for which a secret that was replaced stays valid
_JITTER: Final = 0.2  # at most so much later, so that not all come back at once
_LONGEST_WAIT: Final = timedelta(days=1)
_SILENT_PAUSE_S: Final = 60.0  # between visits to an endpoint that does not answer at all
_GONE: Final = 410
_SLOW_DOWN: Final = frozenset({429, 503})
_SECRET_BYTES: Final = 32
_AT_ONCE: Final = 8
_CLAIMED: Final = 32
_HOLD_S: Final = 180.0  # outlasts _CLAIMED deliveries, _AT_ONCE at a time, that all run out of time

# What receivers are told. Everything else about a job they ask for, with an API key.
_TOLD: Final = ("job_id", "batch_id", "item_key", "state", "attempts", "counts", "error")
_TOLD_OF_OUTPUTS: Final = ("bytes", "sha256", "content_type")


def new_secret() -> str:
    """A secret for an endpoint, shown to its owner once."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


def rotated(kept: Sequence[Json], secret: str, now: datetime) -> list[Json]:
    """The secrets of an endpoint with a new one; those before it stay valid for a day."""
    until = (now + ROTATION).isoformat()
    still = [old for old in kept if _is_valid(old, now)]
    return [{"secret": secret}, *({"expires_at": until, **old} for old in still)]


def deliver_due(
    store: Store, outbound: Outbound, clock: Clock, jitter: Callable[[], float] = random.random
) -> int:
    """Make the deliveries that are due, some at a time, and plan those that failed anew.

    Gives how many were claimed; none means that nothing is due. Several may run at once.
    """
    claimed = store.deliveries.claim_due(_HOLD_S, _CLAIMED)

    def deliver(pair: tuple[Delivery, Endpoint]) -> None:
        delivery, endpoint = pair
        if endpoint.enabled:
            _deliver(store, outbound, clock, jitter(), delivery, endpoint)
        else:
            store.deliveries.settle(delivery, delivered=False, error="The endpoint is turned off.")

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="webhook") as pool:
        list(pool.map(deliver, claimed))
    return len(claimed)


def message_of(payload: Json) -> Json:
    """What a receiver is told of an event: what happened, to what, and nothing that is secret."""
    data = payload["data"]
    facts = {name: data[name] for name in _TOLD if name in data}
    if "outputs" in data:
        facts["outputs"] = {
            name: {fact: output[fact] for fact in _TOLD_OF_OUTPUTS if fact in output}
            for name, output in data["outputs"].items()
        }
    return {"type": payload["type"], "timestamp": payload["timestamp"], "data": facts}


def signed(message_id: str, body: bytes, kept: Sequence[Json], at: datetime) -> dict[str, str]:
    """The header fields of a webhook, with a signature for each secret that is valid."""
    at = at.astimezone(UTC)
    valid = [Webhook(each["secret"]) for each in kept if _is_valid(each, at)]
    return {
        "Content-Type": "application/json",
        "Webhook-Id": message_id,
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": " ".join(key.sign(message_id, at, body.decode()) for key in valid),
    }


def next_attempt(
    attempts: int, now: datetime, reply: Reply | None, jitter: float
) -> datetime | None:
    """When to try again after so many attempts; None: not any more. `jitter` is in [0, 1)."""
    if attempts > len(RETRY_AFTER) or (reply is not None and reply.status == _GONE):
        return None
    wait = RETRY_AFTER[attempts - 1]
    if reply is not None and reply.status in _SLOW_DOWN:
        wait = max(wait, min(_asked_wait(reply.retry_after, now), _LONGEST_WAIT))
    return now + wait * (1 + _JITTER * jitter)


def _deliver(
    store: Store,
    outbound: Outbound,
    clock: Clock,
    jitter: float,
    delivery: Delivery,
    endpoint: Endpoint,
) -> None:
    body = json.dumps(message_of(delivery.payload), separators=(",", ":")).encode()
    headers = signed(delivery.id, body, endpoint.secrets, clock())
    reply, error = _post(outbound, endpoint.url, body, headers)
    delivered = reply is not None and 200 <= reply.status < 300
    if reply is None:
        store.deliveries.put_off(endpoint.id, _SILENT_PAUSE_S)
    now = clock()
    store.deliveries.settle(
        delivery,
        delivered=delivered,
        next_at=None if delivered else next_attempt(delivery.attempts, now, reply, jitter),
        status=reply.status if reply else None,
        error=error,
    )
    if reply is not None and reply.status == _GONE:
        store.endpoints.turn_off(endpoint.id, "gone")
    elif not delivered or endpoint.failing_since is not None:
        store.endpoints.heard(endpoint.id, delivered, GIVE_UP_AFTER)


def _post(
    outbound: Outbound, url: str, body: bytes, headers: Mapping[str, str]
) -> tuple[Reply | None, str | None]:
    try:
        return outbound.post(url, body, headers), None
    except (AddressRefusedError, FetchError) as failure:
        return None, failure.message


def _asked_wait(retry_after: str | None, now: datetime) -> timedelta:
    """What a Retry-After field asks for: seconds or a date (RFC 9110, 10.2.3)."""
    if retry_after is None:
        return timedelta(0)
    if retry_after.isascii() and retry_after.isdigit():
        return timedelta(seconds=min(int(retry_after[:9]), _LONGEST_WAIT.total_seconds()))
    try:
        return parsedate_to_datetime(retry_after).astimezone(UTC) - now
    except (ValueError, OverflowError):
        return timedelta(0)


def _is_valid(kept: Json, now: datetime) -> bool:
    until = kept.get("expires_at")
    return until is None or datetime.fromisoformat(until) > now
