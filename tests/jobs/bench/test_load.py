from collections import Counter

from afgen.jobs.bench.load import MIX, Answered, figures_of, mixed, percentile
from afgen.jobs.bench.queues import queue_speed
from afgen.jobs.states import JobState
from afgen.jobs.store import Store
from afgen.jobs.store.jobs import JobFilter
from afgen.jobs.tables import Tenant


def test_percentiles_are_values_that_were_there() -> None:
    values = [float(value) for value in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert percentile([7.0], 0.5) == 7


def test_the_mix_is_one_hundred_and_is_kept_to() -> None:
    assert sum(MIX.values()) == 100
    calls = list(mixed(5_000, ["job_1", "job_2"], "bat_1"))
    assert calls == list(mixed(5_000, ["job_1", "job_2"], "bat_1"))
    counts = Counter(call.name for call in calls)
    for (method, path), share in MIX.items():
        assert abs(counts[f"{method} {path}"] / 50 - share) < 2.5
    assert not [call for call in calls if "{" in call.path]


def test_refusals_and_no_answers_are_errors() -> None:
    answers = [Answered("a", status, 0.01, 1.0) for status in (200, 201, 304, 429, 500, 0)]
    figures = figures_of([*answers, Answered("b", 200, 0.5, 7.0)])
    assert (figures.requests, figures.errors, figures.per_s) == (7, 3, 1.0)
    assert figures.error_kinds == {"a: 429": 1, "a: 500": 1, "a: 0": 1}
    assert (figures.p50_ms, figures.longest_ms) == (10.0, 500.0)
    assert figures.slowest_calls == {"a": 10.0, "b": 500.0}


def test_a_queue_is_listed_and_claimed(store: Store, tenant: Tenant) -> None:
    figures = queue_speed(store, tenant.id, waiting=70, claims=66)
    assert (figures.waiting, figures.claims) == (70, 66)
    running = JobFilter(states=frozenset({JobState.RUNNING}))
    assert len(store.jobs.list(tenant.id, running, limit=100)) == 66
