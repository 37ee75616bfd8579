"""A conversation to the conditions of one block after another, causally.

Shape letters: S samples, T frames, A audio features, D motion.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from afgen.clock import BLOCK_FRAMES, SAMPLES_PER_FRAME
from afgen.conditions.features import AudioFeatures
from afgen.signals import Conditions, Conversation, Floats, Track


@dataclass(frozen=True, slots=True)
class AssemblyState:
    """The next frame, and where the features of both voices stand."""

    frame: int = 0
    avatar: Any = None
    user: Any = None


def assemble(
    conversation: Conversation,
    features: AudioFeatures,
    *,
    start_frame: int = 0,
    block_frames: int = BLOCK_FRAMES,
    first_frames: int = BLOCK_FRAMES,
) -> Iterator[Conditions]:
    """The conditions of every block from `start_frame` on, a block boundary.

    To begin later than at 0 gives the same blocks as skipping the earlier ones. All blocks have
    whole windows of rows; beyond the end of the conversation its last row is repeated.
    """
    conversation = replace(
        conversation,
        avatar=_lengthened(conversation.avatar, conversation.frames),
        user=_lengthened(conversation.user, conversation.frames),
    )
    state = AssemblyState(start_frame)
    while state.frame < conversation.frames:
        frames = block_frames if state.frame else first_frames
        block, state = next_block(conversation, features, state, frames)
        yield block


def next_block(
    conversation: Conversation, features: AudioFeatures, state: AssemblyState, frames: int
) -> tuple[Conditions, AssemblyState]:
    """The conditions of the next `frames` frames.

    They are made from nothing later than the frames' end, but for the look-ahead of `features`.
    """
    start = state.frame
    wanted = min(frames, conversation.frames - start)
    avatar_TA, avatar = _voice(conversation.avatar, features, state.avatar, start, wanted)
    user_TA, user = _voice(conversation.user, features, state.user, start, wanted)
    conditions = Conditions(
        start_frame=start,
        frames=wanted,
        avatar_audio_TA=_filled(avatar_TA, frames),
        user_audio_TA=_filled(user_TA, frames),
        user_motion_TD=_filled(_seen_motion(conversation.user, start, wanted), frames),
    )
    return conditions, AssemblyState(start + wanted, avatar, user)


def _lengthened(track: Track, frames: int) -> Track:
    """The track with silence after a voice that does not reach into the last frame."""
    missing = 0 if track.audio_S is None else frames * SAMPLES_PER_FRAME - len(track.audio_S)
    if track.audio_S is None or missing < SAMPLES_PER_FRAME:
        return track
    return replace(track, audio_S=np.pad(track.audio_S, (0, missing)))


def _voice(
    track: Track, features: AudioFeatures, state: Any, start: int, frames: int
) -> tuple[Floats | None, Any]:
    if track.audio_S is None:
        return None, None
    return features.rows(track.audio_S, start, frames, state)


def _seen_motion(track: Track, start: int, frames: int) -> Floats | None:
    """The person's motion; None where there is none or the face is not seen in the whole block."""
    if track.motion_TD is None or start >= len(track.motion_TD):
        return None
    if track.present_T is not None and not track.present_T[start : start + frames].any():
        return None
    return track.motion_TD[start : start + frames].astype(np.float32)


def _filled(rows: Floats | None, frames: int) -> Floats | None:
    """Exactly `frames` rows, the last one repeated."""
    if rows is None:
        return None
    return np.pad(rows, ((0, frames - len(rows)), (0, 0)), mode="edge")
