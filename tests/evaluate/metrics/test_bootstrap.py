import numpy as np
import pytest
from scipy import stats

from afgen.evaluate.metrics.bootstrap import (
    BootstrapConfig,
    bootstrap,
    mean_estimate,
    widened_tails,
)

FEW = BootstrapConfig(draws=300)


def test_the_interval_of_a_mean_is_about_students() -> None:
    values = np.random.default_rng(0).normal(3, 2, 200)
    estimate = mean_estimate(values, [str(i) for i in range(200)])
    half = 1.96 * values.std() / np.sqrt(200)
    assert estimate.value == pytest.approx(values.mean())
    assert estimate.low == pytest.approx(values.mean() - half, abs=0.06)
    assert estimate.high == pytest.approx(values.mean() + half, abs=0.06)


@pytest.mark.parametrize("people", [6, 20])
def test_intervals_hold_the_truth_as_often_as_they_say(people: int) -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(300):
        values = rng.normal(1, 1, people)
        estimate = mean_estimate(values, [str(i) for i in range(people)], FEW)
        held += estimate.low <= 1 <= estimate.high
    least, most = stats.binom.ppf([0.0005, 0.9995], 300, 0.95)
    assert least <= held <= most


def test_clips_of_one_person_are_drawn_together() -> None:
    rng = np.random.default_rng(2)
    habits = rng.normal(0, 1, 12)
    values = np.repeat(habits, 30) + rng.normal(0, 0.01, 360)
    people = np.repeat([f"p{i}" for i in range(12)], 30).tolist()
    together = mean_estimate(values, people)
    alone = mean_estimate(values, [str(i) for i in range(360)])
    assert together.high - together.low > 4 * (alone.high - alone.low)


def test_one_person_has_no_interval() -> None:
    estimate = mean_estimate([1.0, 2.0, 3.0], ["a"] * 3)
    assert (estimate.value, estimate.low, estimate.high) == (2.0, None, None)


def test_clips_without_a_value_are_left_out() -> None:
    estimate = mean_estimate([1.0, float("nan"), 3.0], ["a", "b", "c"])
    assert estimate.value == 2
    assert np.isnan(mean_estimate([float("nan")], ["a"]).value)


def test_the_same_seed_gives_the_same_interval() -> None:
    values, people = [1.0, 4.0, 2.0, 8.0], list("abcd")
    assert mean_estimate(values, people) == mean_estimate(values, people)


def test_any_statistic_of_weights_will_do() -> None:
    estimate = bootstrap(lambda weights_C: float(weights_C.sum()), list("abcde"))
    assert (estimate.value, estimate.low, estimate.high) == (5, 5, 5)


def test_many_people_need_hardly_any_widening() -> None:
    assert widened_tails(10_000, 0.95)[0] == pytest.approx(0.025, abs=1e-4)
    assert widened_tails(5, 0.95)[0] < 0.002
