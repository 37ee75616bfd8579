import numpy as np
import pytest

from afgen.clock import FRAME_RATE_HZ
from afgen.evaluate.metrics.coupling import (
    HOP_FRAMES,
    WINDOW_FRAMES,
    Ratio,
    Root,
    correlations,
    slow_part,
    spectrum,
    windows_of,
)

LAG = 15


def wave(frames: int, hz: float, phase: float = 0.0) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(frames) / FRAME_RATE_HZ + phase)[:, None]


def test_ratios_add_up_what_was_drawn_before_they_divide() -> None:
    ratio = Ratio(np.array([2.0, 9.0]), np.array([1.0, 3.0]))
    assert ratio(np.ones(2)) == 11 / 4
    assert ratio(np.array([2.0, 0.0])) == 2
    assert np.isnan(ratio(np.zeros(2)))
    assert Root(ratio)(np.array([0.0, 1.0])) == pytest.approx(np.sqrt(3))


def test_a_known_lag_is_found_with_its_strength() -> None:
    rng = np.random.default_rng(0)
    courses = []
    for _ in range(4):
        other_T1 = slow_part(rng.normal(size=(600, 1)), 0.2, 1.1)
        own_T1 = np.roll(other_T1, LAG, axis=0)
        own_T1 = own_T1 + rng.normal(size=own_T1.shape) * own_T1.std()
        courses.append((own_T1, other_T1, np.ones(600, np.bool_)))
    found = correlations(courses, earliest_s=-1, latest_s=2)
    assert found.lag(np.ones(4)) == LAG / FRAME_RATE_HZ
    assert found.highest(np.ones(4)) == pytest.approx(np.sqrt(0.5), abs=0.06)
    swapped = correlations(
        [(own, courses[i - 1][1], on) for i, (own, _, on) in enumerate(courses)],
        earliest_s=-1,
        latest_s=2,
    )
    assert swapped.highest(np.ones(4)) < 0.4


def test_frames_that_do_not_count_change_nothing() -> None:
    rng = np.random.default_rng(1)
    own_T1, other_T1 = rng.normal(size=(2, 200, 1))
    counted_T = np.arange(200) < 120
    whole = correlations([(own_T1, other_T1, counted_T)], earliest_s=0, latest_s=1)
    own_T1[120:] = 100
    again = correlations([(own_T1, other_T1, counted_T)], earliest_s=0, latest_s=1)
    assert np.array_equal(whole.at(np.ones(1)), again.at(np.ones(1)))


def test_nothing_to_correlate_has_no_lag() -> None:
    nothing = (np.zeros((0, 1)), np.zeros((0, 1)), np.zeros(0, np.bool_))
    found = correlations([nothing], earliest_s=0, latest_s=1)
    assert np.isnan(found.lag(np.ones(1)))
    assert np.isnan(found.highest(np.ones(1)))


def test_windows_lie_where_every_frame_counts() -> None:
    counted_T = np.ones(400, np.bool_)
    counted_T[150] = False
    course_TX = np.arange(800.0).reshape(400, 2)
    windows_NXW = windows_of(course_TX, counted_T)
    starts = (windows_NXW[:, 0, 0] / 2).astype(int).tolist()
    assert windows_NXW.shape[1:] == (2, WINDOW_FRAMES)
    assert all(not start <= 150 < start + WINDOW_FRAMES for start in starts)
    assert min(np.diff(starts)) >= HOP_FRAMES
    assert len(windows_of(course_TX[:10], counted_T[:10])) == 0
    assert len(windows_of(course_TX, np.zeros(400, np.bool_))) == 0


def test_a_wave_has_its_power_at_its_frequency() -> None:
    frequency_F, power_F = spectrum(windows_of(wave(300, 2.0), np.ones(300, np.bool_)))
    assert frequency_F[power_F.argmax()] == pytest.approx(2.0, abs=0.05)
    _, nothing_F = spectrum(np.zeros((0, 2, WINDOW_FRAMES)))
    assert not nothing_F.any()
    assert len(nothing_F) == len(frequency_F)


def test_only_slow_motion_passes() -> None:
    slow_T1, fast_T1 = wave(500, 0.5), wave(500, 5.0)
    passed_T1 = slow_part(slow_T1 + fast_T1 + 3, 0.2, 1.1)
    assert np.abs(passed_T1 - slow_T1)[100:400].max() < 0.15
