"""The One-Euro filter: still when the signal rests, quick when it moves.

Casiez, Roussel & Vogel, "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input in
Interactive Systems", CHI 2012.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afgen.clock import FRAME_RATE_HZ

Array = NDArray[np.float64]

_SPEED_CUTOFF_HZ = 1.0


@dataclass(frozen=True, slots=True)
class SmoothingState:
    """Last output and its smoothed speed (per second)."""

    value_D: Array
    speed_D: Array


def smooth(
    value_D: Array,
    state: SmoothingState | None,
    cutoff_hz: Array | float,
    beta: Array | float,
    frames: int = 1,
) -> SmoothingState:
    """One step of the filter, `frames` frames after the last; the result is `.value_D`.

    The cut-off is cutoff_hz + beta * |speed|, equation 5 of the publication.
    """
    if state is None:
        return SmoothingState(value_D, np.zeros_like(value_D))
    step_s = frames / FRAME_RATE_HZ
    speed_D = (value_D - state.value_D) / step_s
    speed_D = state.speed_D + _gain(_SPEED_CUTOFF_HZ, step_s) * (speed_D - state.speed_D)
    gain_D = _gain(cutoff_hz + beta * np.abs(speed_D), step_s)
    return SmoothingState(state.value_D + gain_D * (value_D - state.value_D), speed_D)


def _gain(cutoff_hz: Array | float, step_s: float) -> Array:
    """Share of a new value that a first-order low pass takes in one step."""
    return np.asarray(1.0 / (1.0 + 1.0 / (2.0 * np.pi * np.asarray(cutoff_hz) * step_s)))
