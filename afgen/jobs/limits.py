"""How much of the service one tenant may have: requests a second, and what it may hold.

Rates are token buckets, kept as one number: the moment at which the bucket will be full again (the
generic cell rate algorithm, ITU-T I.371, told the other way round).
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC
from typing import Any, Final, Protocol

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from afgen.errors import QuotaError
from afgen.jobs.settings import ServiceSettings
from afgen.jobs.store import Store

LOG = logging.getLogger("afgen.jobs")

# One round trip, and the clock of the server: hosts need not agree on the time.
_TAKE: Final = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local capacity_s, cost_s = tonumber(ARGV[1]), tonumber(ARGV[2])
local full_at = tonumber(redis.call('GET', KEYS[1]) or now)
full_at = math.min(math.max(full_at, now), now + capacity_s)
local early_s = full_at + cost_s - now - capacity_s
if early_s > 0.000001 then
    return {0, tostring(full_at - now), tostring(early_s)}
end
full_at = full_at + cost_s
redis.call('SET', KEYS[1], string.format('%.6f', full_at), 'PX', math.ceil((full_at - now) * 1000))
return {1, tostring(full_at - now), '0'}
"""
_ROUNDING_S: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` requests at once, and `per_s` a second in the long run. `name` is shown."""

    name: str
    burst: int
    per_s: float

    @property
    def capacity_s(self) -> float:
        """Seconds in which an empty bucket fills."""
        return self.burst / self.per_s


@dataclass(frozen=True, slots=True)
class Taken:
    """Whether a request may pass, and how the bucket stands after it."""

    allowed: bool
    full_in_s: float
    retry_in_s: float = 0.0

    def remaining(self, rate: Rate) -> int:
        """Whole requests that may follow at once."""
        return max(0, math.floor(rate.burst - self.full_in_s * rate.per_s + 1e-6))


class Buckets(Protocol):
    """Token buckets, one a key and rate."""

    def take(self, key: str, rate: Rate, tokens: int = 1) -> Taken:
        """Take `tokens` if there are so many, and none otherwise."""
        ...


class MemoryBuckets:
    """Buckets of this process alone, by a clock that is passed in."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._full_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def take(self, key: str, rate: Rate, tokens: int = 1) -> Taken:
        """See Buckets."""
        cost_s = tokens / rate.per_s
        key = _key(rate, key)
        with self._lock:
            now = self._clock()
            full_at = min(max(self._full_at.get(key, now), now), now + rate.capacity_s)
            early_s = full_at + cost_s - now - rate.capacity_s
            if early_s > _ROUNDING_S:
                return Taken(False, full_at - now, early_s)
            self._full_at[key] = full_at + cost_s
            return Taken(True, full_at + cost_s - now)


class RedisBuckets:
    """Buckets that all processes of the service share.

    While Redis is away everything passes: a limit that protects the service must not stop it. It
    is asked again after `pause_s`, so that requests do not queue up behind its timeouts.
    """

    def __init__(
        self, redis: Redis, *, pause_s: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._take = redis.register_script(_TAKE)
        self._pause_s = pause_s
        self._clock = clock
        self._ask_again_at = -math.inf

    def take(self, key: str, rate: Rate, tokens: int = 1) -> Taken:
        """See Buckets."""
        if self._clock() < self._ask_again_at:
            return Taken(True, 0.0)
        arguments = [repr(rate.capacity_s), repr(tokens / rate.per_s)]
        try:
            answer: Any = self._take(keys=[_key(rate, key)], args=arguments)
        except RedisError as error:
            self._ask_again_at = self._clock() + self._pause_s
            LOG.warning("Rates are not limited for now: Redis does not answer (%s).", error)
            return Taken(True, 0.0)
        allowed, full_in_s, retry_in_s = answer
        return Taken(bool(allowed), float(full_in_s), float(retry_in_s))


def _key(rate: Rate, key: str) -> str:
    return f"afgen:rate:{rate.name}:{key}"


def connect_buckets(
    url: str, timeout_s: float = 0.25, clock: Callable[[], float] = time.monotonic
) -> RedisBuckets:
    """Buckets in the Redis at `url`. Connects when first used."""
    once_more = Retry(NoBackoff(), retries=1)  # a connection that has idled may have been closed
    redis = Redis.from_url(
        url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=once_more
    )
    return RedisBuckets(redis, clock=clock)


def rate_fields(rate: Rate, taken: Taken) -> dict[str, str]:
    """Header fields that tell a client how it stands (draft-ietf-httpapi-ratelimit-headers-11).

    `q` requests in `w` seconds; `r` are left, and for `t` seconds there will not be more.
    Retry-After (RFC 9110, 10.2.3) is added where the request was refused.
    """
    left = taken.remaining(rate)
    window_s = math.ceil(taken.full_in_s - (rate.burst - left - 1) / rate.per_s)
    told = {
        "RateLimit-Policy": f'"{rate.name}";q={rate.burst};w={math.ceil(rate.capacity_s)}',
        "RateLimit": f'"{rate.name}";r={left};t={window_s}',
    }
    if not taken.allowed:
        told["Retry-After"] = str(max(1, math.ceil(taken.retry_in_s)))
    return told


@dataclass(frozen=True, slots=True)
class Quotas:
    """What a tenant may have; math.inf is without end."""

    active_jobs: float  # queued and running
    stored_bytes: float
    seconds_a_day: float  # of video, made since midnight, UTC


def quotas_of(settings: ServiceSettings, limits: Mapping[str, float]) -> Quotas:
    """What one tenant may have: the settings' quotas, some replaced by the tenant's own limits."""
    quotas: dict[str, float] = {}
    for field in fields(Quotas):
        name = f"quota_{field.name}"
        most = limits.get(name, getattr(settings, name))
        quotas[field.name] = math.inf if most is None else most
    return Quotas(**quotas)


def require_seconds_left(store: Store, tenant_id: str, quotas: Quotas) -> None:
    """Raises QuotaError once a tenant's video of today has reached its quota.

    How long a job's video will be is not known when it is made, so the last one may be over. The
    other quotas are held in the transactions that add to what they limit.
    """
    if quotas.seconds_a_day == math.inf:
        return
    today = store.database.now().astimezone(UTC).date()
    made_s = sum(day.seconds for day in store.usage.between(tenant_id, today, today))
    if made_s >= quotas.seconds_a_day:
        raise QuotaError(f"{made_s:g} of {quotas.seconds_a_day:g} seconds were made today (UTC).")
