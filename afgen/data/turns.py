"""Who speaks when: turns with gaps and overlaps, drawn for a whole conversation.

Gaps between turns are about 0.2 s, now and then negative (Stivers et al. 2009).
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np

from afgen.clock import FRAME_RATE_HZ


class Side(Enum):
    """The two people."""

    AVATAR = 0
    USER = 1


class Scene(Enum):
    """What kind of conversation it is; the values are shares of all conversations."""

    DIALOGUE = 0.70
    AVATAR_TALKS = 0.12
    USER_TALKS = 0.11
    QUIET = 0.07


GAP_MEAN_S: Final = 0.2
GAP_DEVIATION_S: Final = 0.35
LONG_SILENCE_CHANCE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Utterance:
    """A clip said by someone from a frame on."""

    side: Side
    clip: int
    start_frame: int
    frames: int


def draw_scene(rng: np.random.Generator) -> Scene:
    """A kind of conversation."""
    scenes = list(Scene)
    return scenes[rng.choice(len(scenes), p=[scene.value for scene in scenes])]


def draw_turns(
    rng: np.random.Generator, scene: Scene, frames: int, clip_frames: dict[Side, list[int]]
) -> list[Utterance]:
    """Utterances that fill `frames` frames; `clip_frames` has the length of every clip by side."""
    if scene is Scene.QUIET:
        return []
    said: list[Utterance] = []
    busy_until = {Side.AVATAR: 0, Side.USER: 0}
    side = Side.AVATAR if rng.random() < 0.5 else Side.USER
    frame = int(rng.integers(0, 2 * FRAME_RATE_HZ))
    while frame < frames:
        side = _forced(scene) or side
        end = max(frame, busy_until[side])
        for _ in range(int(rng.integers(1, 5))):
            clip = int(rng.integers(len(clip_frames[side])))
            said.append(Utterance(side, clip, end, clip_frames[side][clip]))
            end += clip_frames[side][clip] + int(rng.integers(0, 12))
        busy_until[side] = end
        frame = max(0, end + _gap(rng, scene))
        side = Side.USER if side is Side.AVATAR else Side.AVATAR
    return [utterance for utterance in said if utterance.start_frame < frames]


def _forced(scene: Scene) -> Side | None:
    """Who holds the floor throughout, if anybody."""
    return {Scene.AVATAR_TALKS: Side.AVATAR, Scene.USER_TALKS: Side.USER}.get(scene)


def _gap(rng: np.random.Generator, scene: Scene) -> int:
    """Frames between the end of a turn and the next."""
    if rng.random() < LONG_SILENCE_CHANCE or scene is not Scene.DIALOGUE:
        return round(float(rng.uniform(0.6, 3.0)) * FRAME_RATE_HZ)
    return round(float(np.clip(rng.normal(GAP_MEAN_S, GAP_DEVIATION_S), -0.8, 1.5)) * FRAME_RATE_HZ)
