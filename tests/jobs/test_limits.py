"""Rates and quotas: the same answers from Redis and from memory."""

import logging
import math
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from afgen.errors import QuotaError
from afgen.jobs.limits import (
    Buckets,
    MemoryBuckets,
    Quotas,
    Rate,
    Taken,
    connect_buckets,
    quotas_of,
    rate_fields,
    require_seconds_left,
)
from afgen.jobs.settings import ServiceSettings
from afgen.jobs.store import Store
from afgen.jobs.store.leases import Result
from afgen.jobs.tables import Tenant
from tests.jobs.conftest import Clock
from tests.jobs.made import running

SLOW = Rate("requests", burst=5, per_s=1 / 3600)  # nothing comes back while a test runs
FAST = Rate("requests", burst=5, per_s=1e6)


class Seconds:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["memory", "redis"])
def buckets(request: pytest.FixtureRequest) -> Buckets:
    if request.param == "memory":
        return MemoryBuckets()
    return connect_buckets(request.getfixturevalue("redis_url"), timeout_s=5.0)


def test_a_full_bucket_lets_a_burst_through_and_no_more(buckets: Buckets) -> None:
    answers = [buckets.take("ten_a", SLOW) for _ in range(7)]
    assert [answer.allowed for answer in answers] == [True] * 5 + [False] * 2
    assert [answer.remaining(SLOW) for answer in answers] == [4, 3, 2, 1, 0, 0, 0]
    assert answers[0].full_in_s == pytest.approx(3600, abs=1)
    assert answers[-1].full_in_s == pytest.approx(5 * 3600, abs=60)
    assert answers[-1].retry_in_s == pytest.approx(3600, abs=60)


def test_tenants_and_rates_have_buckets_of_their_own(buckets: Buckets) -> None:
    for _ in range(5):
        buckets.take("ten_a", SLOW)
    assert not buckets.take("ten_a", SLOW).allowed
    assert buckets.take("ten_b", SLOW).allowed
    assert buckets.take("ten_a", Rate("uploads", 5, SLOW.per_s)).allowed


def test_what_was_taken_comes_back(buckets: Buckets) -> None:
    answers = [buckets.take("ten_a", FAST) for _ in range(20)]
    assert all(answer.allowed for answer in answers)


def test_several_tokens_are_taken_together_or_not_at_all(buckets: Buckets) -> None:
    assert buckets.take("ten_a", SLOW, tokens=3).remaining(SLOW) == 2
    assert not buckets.take("ten_a", SLOW, tokens=3).allowed
    assert buckets.take("ten_a", SLOW, tokens=2).remaining(SLOW) == 0
    assert not buckets.take("ten_b", SLOW, tokens=6).allowed


def test_a_bucket_that_is_full_again_leaves_nothing_in_redis(redis_url: str) -> None:
    connect_buckets(redis_url, timeout_s=5.0).take("ten_a", SLOW)
    with Redis.from_url(redis_url) as client:
        (key,) = client.keys()
        assert 0 < client.pttl(key) <= 3600 * 1000


def test_a_faster_rate_holds_at_once(buckets: Buckets) -> None:
    for _ in range(5):
        buckets.take("ten_a", SLOW)
    answer = buckets.take("ten_a", Rate("requests", burst=5, per_s=1 / 60))
    assert (answer.allowed, answer.retry_in_s) == (False, pytest.approx(60, abs=30))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4)), max_size=40), st.integers(1, 9))
def test_no_window_lets_more_through_than_burst_and_rate(
    steps: list[tuple[int, int]], burst: int
) -> None:
    clock = Seconds()
    buckets, rate = MemoryBuckets(clock), Rate("requests", burst, 1.0)
    passed: list[tuple[float, int]] = []
    for wait_s, tokens in steps:
        clock.now += wait_s
        answer = buckets.take("ten_a", rate, tokens)
        if answer.allowed:
            passed.append((clock.now, tokens))
        elif tokens <= burst:
            clock.now += answer.retry_in_s
            assert buckets.take("ten_a", rate, tokens).allowed
            passed.append((clock.now, tokens))
    for index, (begin, _) in enumerate(passed):
        for end, _ in passed[index:]:
            total = sum(tokens for at, tokens in passed if begin <= at <= end)
            assert total <= burst + (end - begin) * rate.per_s + 1e-3


def test_while_redis_is_away_all_pass_and_it_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Seconds()
    buckets = connect_buckets("redis://127.0.0.1:1", clock=clock)
    with caplog.at_level(logging.WARNING):
        assert all(buckets.take("ten_a", SLOW).allowed for _ in range(20))
        assert len(caplog.records) == 1
        clock.now += 5.0
        assert buckets.take("ten_a", SLOW).allowed
        assert len(caplog.records) == 2


@pytest.mark.parametrize(
    ("rate", "taken", "told"),
    [
        (Rate("requests", 500, 100.0), Taken(True, 1.25), ["q=500;w=5", "r=375;t=1", None]),
        (Rate("requests", 500, 100.0), Taken(False, 5.0, 0.01), ["q=500;w=5", "r=0;t=1", "1"]),
        (Rate("requests", 500, 100.0), Taken(True, 0.0), ["q=500;w=5", "r=500;t=1", None]),
        (Rate("requests", 4, 0.1), Taken(True, 25.0), ["q=4;w=40", "r=1;t=5", None]),
        (Rate("requests", 4, 0.1), Taken(False, 37.5, 7.5), ["q=4;w=40", "r=0;t=8", "8"]),
    ],
)
def test_clients_are_told_how_they_stand(rate: Rate, taken: Taken, told: list[str | None]) -> None:
    policy, limit, retry_after = told
    expected = {"RateLimit-Policy": f'"requests";{policy}', "RateLimit": f'"requests";{limit}'}
    if retry_after is not None:
        expected["Retry-After"] = retry_after
    assert rate_fields(rate, taken) == expected


def test_a_tenants_own_limits_replace_those_of_the_settings() -> None:
    defaults = ServiceSettings(quota_active_jobs=20, quota_stored_bytes=1000)
    own = {"quota_active_jobs": 5, "quota_seconds_a_day": 60}
    assert quotas_of(defaults, {}) == Quotas(20, 1000, math.inf)
    assert quotas_of(defaults, own) == Quotas(5, 1000, 60)


@pytest.mark.parametrize(("made_s", "has_room"), [(0, True), (59.9, True), (60, False)])
def test_a_day_is_used_up_when_its_seconds_are(
    store: Store, tenant: Tenant, clock: Clock, made_s: float, has_room: bool
) -> None:
    quotas = Quotas(20, 1000, seconds_a_day=60)
    _, lease = running(store, tenant.id)
    store.leases.finish(lease, Result({}, made_s, 7))
    if has_room:
        require_seconds_left(store, tenant.id, quotas)
    else:
        with pytest.raises(QuotaError, match="60 of 60 seconds"):
            require_seconds_left(store, tenant.id, quotas)
    require_seconds_left(store, tenant.id, Quotas(20, 1000, math.inf))
    clock.ahead = timedelta(days=1)
    require_seconds_left(store, tenant.id, quotas)
