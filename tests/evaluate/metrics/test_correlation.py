import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afgen.evaluate.metrics.correlation import pearson, rpcc_of_clips, rpcc_of_corpus
from afgen.signals import Floats

# Anscombe, "Graphs in Statistical Analysis", The American Statistician 27, 1973: all four r = .816
ANSCOMBE_X = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5]
ANSCOMBE_Y = (
    [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68],
    [9.14, 8.14, 8.74, 8.77, 9.26, 8.10, 6.13, 3.10, 9.13, 7.26, 4.74],
    [7.46, 6.77, 12.74, 7.11, 7.81, 8.84, 6.08, 5.39, 8.15, 6.42, 5.73],
)


def clips(seed: int, count: int = 4, frames: int = 60, dim: int = 3) -> list[Floats]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(frames, dim)).astype(np.float32) for _ in range(count)]


@pytest.mark.parametrize("y", ANSCOMBE_Y)
def test_pearson_is_that_of_anscombes_quartet(y: list[float]) -> None:
    assert pearson(np.array(ANSCOMBE_X, np.float64), np.array(y)) == pytest.approx(0.816, abs=6e-4)


@given(st.integers(0, 10_000), st.floats(0.1, 50), st.floats(-50, 50))
def test_pearson_does_not_depend_on_scale_or_offset(seed: int, scale: float, add: float) -> None:
    a, b = clips(seed, count=2)
    there = pearson(a, b)
    assert pearson(scale * a.astype(np.float64) + add, b) == pytest.approx(there, abs=1e-8)
    assert there == pytest.approx(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def test_a_flat_course_has_no_correlation() -> None:
    assert pearson(np.full(50, 0.3, np.float32), clips(0)[0][:50, 0]) == 0


def test_the_truth_itself_has_none_to_make_up() -> None:
    truth, user = clips(1), clips(2)
    assert rpcc_of_clips(truth, truth, user) == [0.0] * 4
    assert rpcc_of_corpus(truth, truth, user)(np.ones(4)) == 0


def test_a_copy_of_the_user_is_off_by_one_minus_the_truths_correlation() -> None:
    truth, user = clips(3), clips(4)
    whole = pearson(np.concatenate(truth), np.concatenate(user))
    assert rpcc_of_corpus(truth, user, user)(np.ones(4)) == pytest.approx(1 - whole)
    assert rpcc_of_clips(truth, user, user)[2] == pytest.approx(1 - pearson(truth[2], user[2]))


def test_corpus_and_clips_differ_where_clips_differ_in_their_means() -> None:
    rng = np.random.default_rng(5)
    apart = [np.float32(level) for level in (-10, 10)]
    user = [level + rng.normal(size=(80, 2)).astype(np.float32) for level in apart]
    made = [level + rng.normal(size=(80, 2)).astype(np.float32) for level in apart]
    truth = clips(6, count=2, frames=80, dim=2)
    assert rpcc_of_corpus(truth, made, user)(np.ones(2)) > 0.8
    assert max(rpcc_of_clips(truth, made, user)) < 0.4


def test_a_clip_drawn_twice_counts_twice() -> None:
    truth, made, user = clips(7), clips(8), clips(9)
    twice = [0, 0, 2]
    there = rpcc_of_corpus(*([all_[i] for i in twice] for all_ in (truth, made, user)))(np.ones(3))
    assert rpcc_of_corpus(truth, made, user)(np.array([2.0, 0, 1, 0])) == pytest.approx(there)


def test_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be correlated"):
        pearson(np.zeros(3), np.zeros(4))
