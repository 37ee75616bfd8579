"""Motion of several recordings at once through the streaming generator, as a render makes it.

Shape letters: R recordings, T frames, D motion, A audio features.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from afgen.clock import blocks_in
from afgen.generator.stream import MotionSampler
from afgen.signals import Conditions, Floats


@dataclass(frozen=True, slots=True)
class Heard:
    """What one recording is generated from, T frames each; None where a side is missing."""

    avatar_audio_TA: Floats | None
    user_audio_TA: Floats | None = None
    user_motion_TD: Floats | None = None

    @property
    def frames(self) -> int:
        """T."""
        sides = (self.avatar_audio_TA, self.user_audio_TA, self.user_motion_TD)
        return max(len(side) for side in sides if side is not None)


def generate(
    sampler: MotionSampler, heard: Sequence[Heard], reference_RD: Floats, seeds: Sequence[int]
) -> list[Floats]:
    """Motion (T, D) of each recording. They run side by side; shorter ones go on in silence."""
    block = sampler.model.config.block_frames
    blocks = max(blocks_in(one.frames, block) for one in heard)
    state = sampler.begin(reference_RD, seeds)
    parts: list[list[Floats]] = [[] for _ in heard]
    for number in range(blocks):
        conditions = [_block(one, number * block, block) for one in heard]
        motions, state = sampler.step(conditions, state)
        for row, motion in zip(parts, motions, strict=True):
            row.append(motion.motion_TD)
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
