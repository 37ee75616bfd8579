"""How one course follows another, and how fast a course moves: pooled over clips by weights.

Sums of each clip are taken once; a statistic adds them up by the weights that a draw gives them.

Shape letters: C clips, T frames, X channels, L lags, F frequencies, W frames of one of N
windows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import signal

from afgen.clock import FRAME_RATE_HZ
from afgen.evaluate.metrics.bootstrap import Statistic, Weights
from afgen.signals import Flags

Array = NDArray[np.float64]

WINDOW_FRAMES: Final = 3 * FRAME_RATE_HZ
HOP_FRAMES: Final = WINDOW_FRAMES // 2


@dataclass(frozen=True, slots=True)
class Ratio:
    """A sum over another, both of each clip: rates, means, shares."""

    over_C: Array
    under_C: Array

    def __call__(self, weights_C: Weights) -> float:
        """Of clips with these weights; NaN of nothing."""
        under = float(weights_C @ self.under_C)
        return float(weights_C @ self.over_C) / under if under > 0 else float("nan")


@dataclass(frozen=True, slots=True)
class Root:
    """The square root of a statistic."""

    of: Statistic

    def __call__(self, weights_C: Weights) -> float:
        """See `Ratio`."""
        return float(np.sqrt(self.of(weights_C)))


@dataclass(frozen=True, slots=True)
class Correlations:
    """Correlations of one course with another at lags: of each clip products and powers."""

    lags_s: Array  # (L,) by which the first follows the second
    products_CL: Array
    powers_CL: Array  # of the first
    others_CL: Array  # of the second

    def at(self, weights_C: Weights) -> Array:
        """Correlation (L,) over all frames of clips with these weights."""
        powers_L = np.sqrt((weights_C @ self.powers_CL) * (weights_C @ self.others_CL))
        with np.errstate(invalid="ignore", divide="ignore"):
            found_L: Array = (weights_C @ self.products_CL) / powers_L
        return found_L

    def highest(self, weights_C: Weights) -> float:
        """The largest correlation at a lag of zero or more."""
        later_L = self.at(weights_C)[self.lags_s >= 0]
        return float(later_L.max()) if np.isfinite(later_L).all() else float("nan")

    def lag(self, weights_C: Weights) -> float:
        """The lag in seconds at which it is largest."""
        found_L, later_L = self.at(weights_C), self.lags_s >= 0
        if not np.isfinite(found_L[later_L]).all():
            return float("nan")
        return float(self.lags_s[later_L][found_L[later_L].argmax()])


def correlations(
    courses: Sequence[tuple[Array, Array, Flags]], *, earliest_s: float, latest_s: float
) -> Correlations:
    """Of each clip the first course (T, X) with the second, frames (T,) of the first that count.

    Channels are added up. A lag is positive where the first comes later. Courses should have no
    mean of their own.
    """
    lags_L = np.arange(round(earliest_s * FRAME_RATE_HZ), round(latest_s * FRAME_RATE_HZ) + 1)
    sums_CL3 = np.zeros((len(courses), len(lags_L), 3))
    for clip, (first_TX, second_TX, counted_T) in enumerate(courses):
        frames_T = np.flatnonzero(counted_T)
        for place, lag in enumerate(lags_L):
            both = frames_T[(frames_T - lag >= 0) & (frames_T - lag < len(second_TX))]
            one, other = first_TX[both], second_TX[both - lag]
            sums_CL3[clip, place] = (one * other).sum(), (one * one).sum(), (other * other).sum()
    return Correlations(lags_L / FRAME_RATE_HZ, *np.moveaxis(sums_CL3, -1, 0))


def windows_of(course_TX: Array, counted_T: Flags) -> Array:
    """Windows (N, X, W) of three seconds, half over each other, all of whose frames count."""
    if len(course_TX) < WINDOW_FRAMES:
        return np.zeros((0, course_TX.shape[1], WINDOW_FRAMES))
    whole_N = sliding_window_view(counted_T, WINDOW_FRAMES).all(axis=1)
    windows_NXW = sliding_window_view(course_TX, WINDOW_FRAMES, axis=0)
    starts: list[int] = []
    for start in np.flatnonzero(whole_N):
        if not starts or start - starts[-1] >= HOP_FRAMES:
            starts.append(int(start))
    kept_NXW: Array = windows_NXW[starts]
    return kept_NXW


def spectrum(windows_NXW: Array) -> tuple[Array, Array]:
    """Frequencies (F,) in Hz and the windows' power (F,) under a Hann taper, over N and X."""
    moved_NXW = windows_NXW - windows_NXW.mean(axis=-1, keepdims=True)
    power_NXF = np.square(np.abs(np.fft.rfft(moved_NXW * np.hanning(WINDOW_FRAMES), axis=-1)))
    return np.fft.rfftfreq(WINDOW_FRAMES, 1 / FRAME_RATE_HZ), power_NXF.sum(axis=(0, 1))


def slow_part(course_TX: Array, low_hz: float, high_hz: float) -> Array:
    """What moves between two frequencies, without delay. Needs two seconds or more."""
    sections = signal.butter(2, (low_hz, high_hz), "bandpass", fs=FRAME_RATE_HZ, output="sos")
    passed_TX: Array = signal.sosfiltfilt(sections, course_TX, axis=0)
    return passed_TX
