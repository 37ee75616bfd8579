"""Conversations as the generator is trained on them.

An example is a function of (seed, index) and the clips alone.

Shape letters: T frames, D motion, A audio features, R references.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from afgen.clock import FRAME_RATE_HZ
from afgen.conditions.logmel import LogMelFeatures
from afgen.data.body import Body
from afgen.data.clips import Clip
from afgen.data.conversations import Participant, converse
from afgen.data.listeners import Channel
from afgen.signals import Flags, Floats

REFERENCES: Final = 4  # R


@dataclass(frozen=True, slots=True)
class ConversationConfig:
    """Which conversations are drawn."""

    seed: int = 0
    frames: int = 24 * FRAME_RATE_HZ


@dataclass(frozen=True, slots=True)
class Example:
    """One conversation, as the generator is trained on it."""

    avatar_audio_TA: Floats
    user_audio_TA: Floats
    user_motion_TD: Floats
    motion_TD: Floats  # of the avatar
    references_RD: Floats  # motions of pictures of the avatar
    avatar_speech_T: Flags


def compose(
    clips: list[Clip], body: Body, features: LogMelFeatures, config: ConversationConfig, index: int
) -> Example:
    """Conversation number `index`, with the user as they are tracked."""
    rng = np.random.default_rng((config.seed, index))
    drawn = converse(rng, clips, body, config.frames)
    avatar, user = drawn.avatar, drawn.user
    return Example(
        avatar_audio_TA=features(avatar.recorded_S)[0],
        user_audio_TA=features(user.recorded_S)[0],
        user_motion_TD=_tracked(user.motion_TD, rng),
        motion_TD=avatar.motion_TD,
        references_RD=_references(body, avatar, rng),
        avatar_speech_T=avatar.speech_T,
    )


def _tracked(motion_TD: Floats, rng: np.random.Generator) -> Floats:
    """Motion as a tracker on a webcam sees it: noise, another scale of pose, a lost stretch."""
    pose_gain = rng.uniform(0.7, 1.6)
    seen_TD = motion_TD + rng.normal(0, rng.uniform(0.02, 0.15), motion_TD.shape)
    seen_TD[:, :6] *= pose_gain
    if rng.random() < 0.15:
        start = int(rng.integers(len(seen_TD)))
        end = start + int(rng.integers(10, 100))
        seen_TD[start:end] = seen_TD[start]
    tracked_TD: Floats = seen_TD.astype(np.float32)
    return tracked_TD


def _references(body: Body, avatar: Participant, rng: np.random.Generator) -> Floats:
    """Motions (R, D) of pictures of this person: at rest, smiling, mouth open, and any frame.

    The head of a picture is at its own rest, so that the pose is small.
    """
    behaviour_TK, person = avatar.acts.behaviour_TK, avatar.acts.person
    amounts_RK = np.zeros((REFERENCES, behaviour_TK.shape[1]), np.float32)
    amounts_RK[:, Channel.SMILE] = person.resting_smile
    amounts_RK[:, Channel.BROW_RAISE] = person.resting_brow
    amounts_RK[1:3, Channel.SMILE] += rng.uniform(0, 0.7, 2)
    amounts_RK[2, Channel.JAW_OPEN] = rng.uniform(0.1, 0.7)
    amounts_RK[:3, Channel.GAZE_X] = rng.normal(0, 0.12, 3)
    references_RD = body.motion(amounts_RK) + avatar.habit_D
    open_eyed = np.flatnonzero(behaviour_TK[:, Channel.BLINK] < 0.1)
    references_RD[3] = avatar.motion_TD[rng.choice(open_eyed)]
    references_RD[:, :6] *= 0.25
    references: Floats = references_RD.astype(np.float32)
    return references
