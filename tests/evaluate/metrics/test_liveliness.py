import numpy as np
import pytest

from afgen.data.listeners.shapes import blink
from afgen.evaluate.metrics.liveliness import blinks_per_minute, deviations, drift, jitter

ONE = np.ones(2)


def test_blinks_are_counted_per_minute() -> None:
    eyes_T = np.full(750, 0.3, np.float32)
    shape_T = 0.28 * blink(0.08, 0.04, 0.14)
    for start in (50, 200, 400, 600):
        eyes_T[start : start + len(shape_T)] -= shape_T
    assert blinks_per_minute(eyes_T) == 8  # 4 in 30 s


def test_jitter_of_an_alternating_course_is_four_times_its_height() -> None:
    tremble_T = 0.5 * (-1.0) ** np.arange(100)
    motion_TD = np.stack([tremble_T, tremble_T], axis=1).astype(np.float32)
    assert jitter(motion_TD, ONE) == pytest.approx(2)
    assert jitter(motion_TD, 2 * ONE) == pytest.approx(1)


def test_a_steady_turn_does_not_tremble() -> None:
    motion_TD = np.outer(np.arange(50), [1, 2]).astype(np.float32)
    assert jitter(motion_TD, ONE) == pytest.approx(0, abs=1e-9)


def test_drift_is_how_far_the_mean_went() -> None:
    motion_TD = np.outer(np.arange(90), [1, 0]).astype(np.float32)
    assert drift(motion_TD, ONE) == pytest.approx(60 / np.sqrt(2))
    assert drift(np.ones((90, 2), np.float32), ONE) == 0


def test_too_few_frames_have_no_figure() -> None:
    assert np.isnan(jitter(np.zeros((2, 2), np.float32), ONE))
    assert np.isnan(drift(np.zeros((2, 2), np.float32), ONE))


def test_what_never_moves_in_truth_counts_nothing() -> None:
    truth_TD = np.stack([np.arange(10), np.zeros(10)], axis=1).astype(np.float32)
    unit_D = deviations([truth_TD])
    motion_TD = np.stack([np.zeros(10), 9 * (-1.0) ** np.arange(10)], axis=1).astype(np.float32)
    assert jitter(motion_TD, unit_D) == 0
