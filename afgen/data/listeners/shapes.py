"""Courses of single movements, from their first frame on, at 25 Hz."""

import numpy as np
from numpy.typing import NDArray

from afgen.clock import FRAME_RATE_HZ
from afgen.data.listeners.channels import frames_of
from afgen.signals import Floats


def _float32(course_T: NDArray[np.float64]) -> Floats:
    return course_T.astype(np.float32)


def nod(amplitude: float, rate_hz: float, cycles: int, decay: float) -> Floats:
    """Repeated down-up cycles, smaller each time, after Mori, Den & Jokinen 2025.

    The head goes down by `amplitude` and returns to where it was after each cycle; in the first
    tenth of a nod it rises a little, as nods that answer do.
    """
    period = FRAME_RATE_HZ / rate_hz
    position = (np.arange(int(np.ceil(cycles * period))) + 1) / period
    cycle = np.minimum(np.floor(position), cycles - 1)
    pulse = 0.5 - 0.5 * np.cos(2 * np.pi * position)
    lift = -0.12 * np.exp(-0.5 * np.square((position - 0.08) / 0.07))
    inside = position < cycles
    return _float32(amplitude * (decay**cycle * pulse + lift) * inside)


def blink(closing_s: float, closed_s: float, opening_s: float) -> Floats:
    """Lids down and up; the closing is faster than the opening (Bentivoglio et al. 1997)."""
    moments = np.arange(frames_of(closing_s + closed_s + opening_s) + 1) / FRAME_RATE_HZ
    down = np.clip((moments + 0.02) / closing_s, 0, 1)
    up = np.clip((moments - closing_s - closed_s) / opening_s, 0, 1)
    return _float32(down * (1 - up * up * (3 - 2 * up)))


def swell(onset_s: float, hold_s: float, release_s: float) -> Floats:
    """A smooth rise to one, a plateau and a smooth fall: smiles, raised brows."""
    moments = np.arange(frames_of(onset_s + hold_s + release_s) + 1) / FRAME_RATE_HZ
    up = np.clip(moments / onset_s, 0, 1)
    down = np.clip((moments - onset_s - hold_s) / release_s, 0, 1)
    rise, fall = up * up * (3 - 2 * up), down * down * (3 - 2 * down)
    return _float32(rise * (1 - fall))


def follow(target_T: Floats, time_s: float, start: float = 0.0) -> Floats:
    """Critically damped pursuit of a target: two first-order lags of `time_s` / 2 each."""
    share = 1 - np.exp(-2 / (FRAME_RATE_HZ * time_s))
    out_T = np.empty_like(target_T)
    first = second = start
    for frame, target in enumerate(target_T):
        first += share * (float(target) - first)
        second += share * (first - second)
        out_T[frame] = second
    return out_T


def delayed(values_T: Floats, frames: int) -> Floats:
    """The same course later; zeros before it starts."""
    if frames <= 0:
        return values_T.copy()
    late_T: Floats = np.concatenate([np.zeros(frames, np.float32), values_T])[: len(values_T)]
    return late_T


def drift(rng: np.random.Generator, frames: int, times_s: tuple[float, ...]) -> Floats:
    """Noise of about 1/f and deviation one: equal parts of slow random walks that return."""
    total_T = np.zeros(frames, np.float64)
    for time_s in times_s:
        keep = np.exp(-1 / (FRAME_RATE_HZ * time_s))
        noise_T = rng.standard_normal(frames + 1)
        value = float(noise_T[0])
        for frame in range(frames):
            value = keep * value + np.sqrt(1 - keep * keep) * noise_T[frame + 1]
            total_T[frame] += value
    return follow(_float32(total_T / np.sqrt(len(times_s))), 0.25)
