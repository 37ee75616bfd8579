"""The One-Euro filter: steady when still, quick when moving, causal.

Casiez, Roussel and Vogel, "1 Euro Filter", CHI 2012. The cutoff of a first-order low-pass rises
with the speed of the signal, so a resting face does not tremble and a blink is not flattened.
The filter's memory is a value that is passed in and returned.
"""

import math
from dataclasses import dataclass

import numpy as np

from afgen.clock import FRAME_RATE_HZ
from afgen.signals import Floats


@dataclass(frozen=True, slots=True)
class OneEuroConfig:
    """Cutoffs of the filter; `beta` is cutoff gained in Hz per unit of speed a second."""

    min_cutoff_hz: float = 2.0
    beta: float = 0.6
    speed_cutoff_hz: float = 1.0
    rate_hz: float = FRAME_RATE_HZ


@dataclass(frozen=True, slots=True)
class OneEuroState:
    """What the filter remembers: the last smoothed value and its smoothed speed."""

    value: Floats
    speed: Floats


def one_euro(
    value: Floats, state: OneEuroState | None, config: OneEuroConfig = OneEuroConfig()
) -> tuple[Floats, OneEuroState]:
    """The next smoothed value and state; `state=None` starts a stream with the value itself."""
    if state is None:
        first = value.astype(np.float32)
        return first, OneEuroState(first, np.zeros_like(first))
    change = (value - state.value) * np.float32(config.rate_hz)
    speed = state.speed + _weight(config.speed_cutoff_hz, config.rate_hz) * (change - state.speed)
    cutoff_hz = config.min_cutoff_hz + config.beta * np.abs(speed)
    smoothed = state.value + _weight(cutoff_hz, config.rate_hz) * (value - state.value)
    smoothed, speed = smoothed.astype(np.float32), speed.astype(np.float32)
    return smoothed, OneEuroState(smoothed, speed)


def _weight(cutoff_hz: "Floats | float", rate_hz: float) -> Floats:
    """Share of the new value in a first-order low-pass of this cutoff."""
    return np.asarray(1.0 / (1.0 + rate_hz / (2.0 * math.pi * cutoff_hz)), dtype=np.float32)
