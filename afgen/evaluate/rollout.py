"""Motion of several recordings at once, block by block or window by window, as a render makes it.

Shape letters: R recordings, T frames, D motion, A audio features.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from afgen.generator.stream import MotionSampler
from afgen.signals import Conditions, Floats, MotionBlock

StateT = TypeVar("StateT")


class Sampler(Protocol[StateT]):
    """What makes motion in steps: a `MotionSampler`, or the baseline's `WindowSampler`."""

    def begin(self, reference_motion_RD: Floats, seeds: Sequence[int]) -> StateT:
        """The state before the first frame of R recordings."""
        ...

    def step(
        self, conditions: Sequence[Conditions], state: StateT
    ) -> tuple[tuple[MotionBlock, ...], StateT]:
        """What comes next of every recording, and the state after it."""
        ...


@dataclass(frozen=True, slots=True)
class Heard:
    """What one recording is generated from, T frames each; None where a side is missing."""

    avatar_audio_TA: Floats | None
    user_audio_TA: Floats | None = None
    user_motion_TD: Floats | None = None
    length: int | None = None  # T, needed where all sides are missing

    @property
    def frames(self) -> int:
        """T."""
        if self.length is not None:
            return self.length
        sides = (self.avatar_audio_TA, self.user_audio_TA, self.user_motion_TD)
        return max(len(side) for side in sides if side is not None)


def generate(
    sampler: MotionSampler, heard: Sequence[Heard], reference_RD: Floats, seeds: Sequence[int]
) -> list[Floats]:
    """Motion (T, D) of each recording. They run side by side; shorter ones go on in silence."""
    config = sampler.model.config
    return roll_out(
        sampler,
        heard,
        reference_RD,
        seeds,
        first_frames=config.first_frames,
        block_frames=config.block_frames,
    )


def roll_out(
    sampler: Sampler[StateT],
    heard: Sequence[Heard],
    reference_RD: Floats,
    seeds: Sequence[int],
    *,
    first_frames: int,
    block_frames: int,
) -> list[Floats]:
    """`generate` with any sampler that makes `first_frames`, then `block_frames` at a time."""
    state = sampler.begin(reference_RD, seeds)
    parts: list[list[Floats]] = [[] for _ in heard]
    start, longest = 0, max(one.frames for one in heard)
    while start < longest:
        frames = block_frames if start else first_frames
        conditions = [_block(one, start, frames) for one in heard]
        motions, state = sampler.step(conditions, state)
        for row, motion in zip(parts, motions, strict=True):
            row.append(motion.motion_TD)
        start += frames
    return [np.concatenate(row)[: one.frames] for row, one in zip(parts, heard, strict=True)]


def _block(heard: Heard, start: int, frames: int) -> Conditions:
    def cut(whole_TX: Floats | None) -> Floats | None:
        if whole_TX is None:
            return None
        piece = whole_TX[start : start + frames]
        if not len(piece):
            return np.repeat(whole_TX[-1:], frames, axis=0)
        return np.pad(piece, ((0, frames - len(piece)), (0, 0)), mode="edge")

    return Conditions(
        start_frame=start,
        frames=frames,
        avatar_audio_TA=cut(heard.avatar_audio_TA),
        user_audio_TA=cut(heard.user_audio_TA),
        user_motion_TD=cut(heard.user_motion_TD),
    )
