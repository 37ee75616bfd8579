import numpy as np
import pytest
from scipy.linalg import sqrtm

from afgen.evaluate.metrics.frechet import (
    fd_of_clips,
    frechet_distance,
    frechet_of_rows,
    paired_fd_of_clips,
)


def covariance(seed: int, dim: int = 5) -> np.ndarray:
    root = np.random.default_rng(seed).normal(size=(dim, dim))
    return root @ root.T


def test_of_one_dimension_it_is_the_difference_of_means_and_deviations() -> None:
    cov1, cov2 = np.array([[4.0]]), np.array([[9.0]])
    distance = frechet_distance(np.array([1.0]), cov1, np.array([3.0]), cov2)
    assert distance == pytest.approx((1 - 3) ** 2 + (2 - 3) ** 2)


def test_of_covariances_that_commute_it_is_that_of_their_axes() -> None:
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))
    first, second = np.array([1.0, 2, 3, 4]), np.array([4.0, 0, 1, 9])
    distance = frechet_distance(
        np.zeros(4), turn * first @ turn.T, np.full(4, 0.5), turn * second @ turn.T
    )
    assert distance == pytest.approx(1 + np.square(np.sqrt(first) - np.sqrt(second)).sum())


def test_it_is_that_of_the_matrix_square_root() -> None:
    first, second = covariance(1), covariance(2)
    root = np.trace(sqrtm(first @ second)).real
    expected = np.trace(first) + np.trace(second) - 2 * root
    assert frechet_distance(np.zeros(5), first, np.zeros(5), second) == pytest.approx(expected)


def test_it_is_symmetric_and_zero_for_the_same() -> None:
    first, second = covariance(3), covariance(4)
    zero = np.zeros(5)
    there = frechet_distance(zero, first, zero, second)
    assert there == pytest.approx(frechet_distance(zero, second, zero, first))
    assert frechet_distance(zero, first, zero, first) == pytest.approx(0, abs=1e-9)


def test_fewer_frames_than_dimensions_do() -> None:
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(6, 20)).astype(np.float32)
    assert frechet_of_rows(rows, rows) == pytest.approx(0, abs=1e-6)
    assert frechet_of_rows(rows, rows + 1) == pytest.approx(20, rel=1e-5)


def test_one_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="two rows"):
        frechet_of_rows(np.zeros((1, 3)), np.zeros((9, 3)))


def test_a_stranger_of_the_same_kind_is_told_from_the_partner_only_in_pairs() -> None:
    rng = np.random.default_rng(6)
    user = rng.normal(size=(4000, 2)).astype(np.float32)
    truth = user + 0.1 * rng.normal(size=(4000, 2)).astype(np.float32)
    stranger = rng.permutation(truth)
    assert fd_of_clips([truth], [stranger])[0] == pytest.approx(0, abs=1e-6)
    assert paired_fd_of_clips([truth], [stranger], [user])[0] > 1
