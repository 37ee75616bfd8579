import numpy as np
import pytest

from afgen.autoencoder.mesh.curves import smooth_step, spline_matrix
from afgen.autoencoder.mesh.openings import SAMPLES, affine_between, heights, opening


def lids(points: int, *, flipped: bool = False, turn: float = 0.0):
    x = np.linspace(0, 40, points)
    bow = 1 - (x / 20 - 1) ** 2
    upper, lower = np.column_stack([x, -6 * bow]), np.column_stack([x, 3 * bow])
    if flipped:  # the other eye: corners run from right to left
        upper, lower = upper[::-1].copy(), lower[::-1].copy()
    turn_22 = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return upper @ turn_22.T + (100, 50), lower @ turn_22.T + (100, 50)


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("turn", [0.0, 0.4, -0.4])
@pytest.mark.parametrize("points", [9, 11])
def test_heights_grow_downwards_however_the_corners_run(flipped, turn, points) -> None:
    eye = opening(*lids(points, flipped=flipped, turn=turn))
    assert eye.length == pytest.approx(40.0, abs=1e-3)
    assert eye.upper_K[SAMPLES // 2] == pytest.approx(-6.0, abs=0.05)
    assert eye.lower_K[SAMPLES // 2] == pytest.approx(3.0, abs=0.05)
    assert abs(eye.upper_K[0]) < 1e-3 and abs(eye.upper_K[-1]) < 1e-3


def test_a_closed_opening_has_one_edge() -> None:
    upper, _ = lids(9)
    eye = opening(upper, upper)
    assert np.array_equal(eye.upper_K, eye.lower_K)


def test_an_opening_seen_from_the_side_does_not_break() -> None:
    upper, lower = lids(9)
    eye = opening(upper * (0.0, 1.0), lower * (0.0, 1.0))
    assert np.isfinite(eye.upper_K).all() and np.isfinite(eye.lower_K).all()


def test_the_box_holds_both_edges_and_stays_in_the_picture() -> None:
    upper, lower = lids(9, flipped=True, turn=0.3)
    eye = opening(upper, lower)
    x0, y0, x1, y1 = eye.box((480, 640, 3), float(eye.upper_K.min()), float(eye.lower_K.max()))
    points = np.concatenate([upper, lower])
    assert np.all(points >= (x0, y0)) and np.all(points < (x1, y1))
    x0, y0, x1, y1 = eye.box((20, 20, 3), -6.0, 3.0)
    assert x1 <= x0 or y1 <= y0


def test_heights_over_another_frame() -> None:
    upper, lower = lids(9)
    frame = opening(upper, lower).frame
    assert heights(upper + np.array([0, 5]), frame)[SAMPLES // 2] == pytest.approx(-1.0, abs=0.05)


def test_a_spline_goes_through_its_points_and_draws_lines_straight() -> None:
    points = np.random.default_rng(0).normal(size=(5, 2))
    drawn = spline_matrix(5, 4 * 6 + 1) @ points
    assert np.allclose(drawn[::6], points)
    assert np.allclose(spline_matrix(5, 9) @ np.arange(5.0), np.linspace(0, 4, 9))


def test_smooth_step_rises_and_falls() -> None:
    assert smooth_step(1.0, 3.0, np.array([0.0, 1.0, 2.0, 3.0, 9.0])) == pytest.approx(
        [0, 0, 0.5, 1, 1]
    )
    assert smooth_step(3.0, 1.0, np.array([0.0, 2.0, 9.0])) == pytest.approx([1, 0.5, 0])


def test_affine_between_takes_three_points_to_three_points() -> None:
    rng = np.random.default_rng(2)
    before, after = rng.normal(size=(3, 2)), rng.normal(size=(3, 2))
    map_23 = affine_between(before, after, after[0])
    assert np.allclose(before @ map_23[:, :2].T + map_23[:, 2], after)
