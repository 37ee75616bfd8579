"""Blinks, jitter and drift: faults and signs of life that one person alone shows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from afgen.clock import FRAME_RATE_HZ
from afgen.evaluate.listening.reactions import blinks
from afgen.signals import Floats

Array = NDArray[np.float64]
_DRIFT_PARTS = 3


def blinks_per_minute(eyes_T: Floats) -> float:
    """Blinks of a course of lid openings, as `afgen bench listening` counts them."""
    return int(blinks(eyes_T).sum()) * 60 * FRAME_RATE_HZ / max(1, len(eyes_T))


def deviations(truth: Sequence[Floats]) -> Array:
    """Deviation (D,) of each dimension over all frames of the ground truth, the unit of the rest.

    Dimensions that never move there have infinity, so that they count nothing.
    """
    spread_D = np.concatenate(truth).astype(np.float64).std(axis=0)
    return np.where(spread_D > 0, spread_D, np.inf)


def jitter(motion_TD: Floats, unit_D: Array) -> float:
    """Root mean square of the change of the change from frame to frame, in the truth's deviations.

    A second difference of 25 Hz motion: trembling shows, a slow turn does not. NaN of fewer than
    three frames.
    """
    if len(motion_TD) < 3:
        return float("nan")
    bends_TD = np.diff(motion_TD.astype(np.float64), n=2, axis=0) / unit_D
    return float(np.sqrt(np.square(bends_TD).mean()))


def drift(motion_TD: Floats, unit_D: Array) -> float:
    """Distance of the mean motion of the last third from the first third's, in deviations.

    Root mean square over dimensions. NaN of fewer than three frames.
    """
    third = len(motion_TD) // _DRIFT_PARTS
    if not third:
        return float("nan")
    rows_TD = motion_TD.astype(np.float64)
    moved_D = (rows_TD[-third:].mean(axis=0) - rows_TD[:third].mean(axis=0)) / unit_D
    return float(np.sqrt(np.square(moved_D).mean()))
