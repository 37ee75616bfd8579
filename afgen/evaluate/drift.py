"""Does a long performance stay the person it began as? Motion of each part against the first.

The conversation is a short one over and over, so a steady generator does the same on average in
every part; what moves from part to part is drift.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from afgen.clock import SAMPLES_PER_FRAME, blocks_in, frames_in, seconds_at
from afgen.conditions.logmel import LogMelFeatures, LogMelState
from afgen.evaluate.face import read_face
from afgen.generator.stream import MotionSampler
from afgen.render.stopwatch import peak_memory_mb
from afgen.signals import Conditions, Floats

PARTS = 6


@dataclass(frozen=True, slots=True)
class DriftPart:
    """One part of a long performance. Angles are means in degrees."""

    until_min: float
    pitch_deg: float
    yaw_deg: float
    smile: float
    mouth: float  # mean opening over width
    moved: float  # distance of the mean motion from the first part's, in deviations a dimension
    liveliness: float  # deviation over time against the first part's
    state_mb: float
    peak_memory_mb: float


def measure_drift(
    sampler: MotionSampler, avatar_S: Floats, user_S: Floats, *, minutes: float, seed: int = 0
) -> list[DriftPart]:
    """Generate `minutes` of motion from two voices repeated without end, and compare its parts."""
    frames = frames_in(60 * minutes)
    state = sampler.begin(np.zeros((1, sampler.model.config.motion_dim), np.float32), [seed])
    each = blocks_in(frames, sampler.model.config.block_frames) // PARTS
    parts: list[Floats] = []
    figures: list[DriftPart] = []
    blocks: list[Floats] = []
    for conditions in _endless(avatar_S, user_S, sampler.model.config.block_frames, each * PARTS):
        (block,), state = sampler.step([conditions], state)
        blocks.append(block.motion_TD)
        if len(blocks) == each:
            parts.append(np.concatenate(blocks))
            blocks = []
            until_s = seconds_at((len(figures) + 1) * each * sampler.model.config.block_frames)
            figures.append(_part(parts, until_s / 60, len(state.to_bytes()) / 1e6))
            parts = parts[:1]
    return figures


def _endless(avatar_S: Floats, user_S: Floats, frames: int, blocks: int) -> Iterator[Conditions]:
    features, samples = LogMelFeatures(), frames * SAMPLES_PER_FRAME
    states: list[LogMelState | None] = [None, None]
    for number in range(blocks):
        span = np.arange(number * samples, (number + 1) * samples)
        rows: list[Floats] = []
        for side, voice_S in enumerate((avatar_S, user_S)):
            heard_TA, states[side] = features(voice_S[span % len(voice_S)], states[side])
            rows.append(heard_TA)
        yield Conditions(number * frames, frames, rows[0], rows[1], None)


def _part(parts: list[Floats], until_min: float, state_mb: float) -> DriftPart:
    """Figures of the last part against the first."""
    first_TD, motion_TD = parts[0], parts[-1]
    readings = read_face(motion_TD)
    spread_D = first_TD.std(axis=0)
    moved_D = (motion_TD.mean(axis=0) - first_TD.mean(axis=0)) / spread_D
    return DriftPart(
        until_min=until_min,
        pitch_deg=float(readings.pitch_T.mean()),
        yaw_deg=float(readings.yaw_T.mean()),
        smile=float(readings.smile_T.mean()),
        mouth=float(readings.mouth_T.mean()),
        moved=float(np.sqrt((moved_D**2).mean())),
        liveliness=float((motion_TD.std(axis=0) / spread_D).mean()),
        state_mb=state_mb,
        peak_memory_mb=peak_memory_mb(),
    )
