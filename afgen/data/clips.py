"""Recorded talking that conversations are made of: sound and motion of short clips, cut to speech.

Of the prepared samples, the avatar's side is taken: its motion (T, D) and its voice (S,) at 16 kHz.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from afgen.clock import SAMPLES_PER_FRAME
from afgen.data.listeners.cues import hear
from afgen.data.shards import Sample, open_shards
from afgen.errors import FileMissingError
from afgen.signals import Flags, Floats, to_sound

MARGIN_FRAMES: Final = 8  # kept before and after the speech: the mouth moves before the voice
HUSH_FRAMES: Final = 3  # beyond this far from the speech, the recording's own noise is turned down
HUSH_GAIN: Final = 0.1
_FIELDS: Final = ("avatar_motion_TD", "avatar_audio_S")


@dataclass(frozen=True, slots=True)
class Clip:
    """One utterance: sound (S,) and motion (T, D) of the same T frames."""

    name: str
    audio_S: Floats
    motion_TD: Floats

    @property
    def frames(self) -> int:
        """T."""
        return len(self.motion_TD)


@dataclass(frozen=True, slots=True)
class Talker:
    """All clips of one speaker, with motion relative to how the face rests when silent."""

    clips: list[Clip]


@cache
def load_talker(shards_dir: Path) -> Talker:
    """All usable clips of prepared shards; raises FileMissingError where there is none."""
    shards = open_shards(shards_dir)
    samples = (shards.read(key, _FIELDS) for key in sorted(shards.keys))
    whole = [_clip(sample) for sample in samples if len(sample.arrays) == len(_FIELDS)]
    usable = [(clip, hear(clip.audio_S).speech_T) for clip in whole]
    usable = [(clip, speech_T) for clip, speech_T in usable if speech_T.any()]
    if not usable:
        raise FileMissingError(f"no clips with speech in {shards_dir}")
    rest_D = resting_motion([clip.motion_TD[~speech_T] for clip, speech_T in usable])
    return Talker([_cut(clip, speech_T, rest_D) for clip, speech_T in usable])


def resting_motion(silent_TD: list[Floats]) -> Floats:
    """Motion (D,) of the silent face: the median over all silent frames."""
    rest_D: Floats = np.median(np.concatenate(silent_TD), axis=0).astype(np.float32)
    return rest_D


def _clip(sample: Sample) -> Clip:
    motion_TD, audio_S = (sample.arrays[name] for name in _FIELDS)
    return Clip(sample.key, to_sound(audio_S), motion_TD)


def _cut(clip: Clip, speech_T: Flags, rest_D: Floats) -> Clip:
    """The part with speech and a margin around it, relative to rest."""
    spoken = np.flatnonzero(speech_T)
    start = max(0, int(spoken[0]) - MARGIN_FRAMES)
    end = min(clip.frames, int(spoken[-1]) + 1 + MARGIN_FRAMES)
    quiet_T = np.full(clip.frames, HUSH_GAIN, np.float32)
    quiet_T[max(0, int(spoken[0]) - HUSH_FRAMES) : int(spoken[-1]) + 1 + HUSH_FRAMES] = 1
    gain_S = np.interp(
        np.arange(len(clip.audio_S)) / SAMPLES_PER_FRAME, np.arange(clip.frames) + 0.5, quiet_T
    )
    sound_S = (clip.audio_S * gain_S)[start * SAMPLES_PER_FRAME : end * SAMPLES_PER_FRAME]
    return Clip(clip.name, sound_S.astype(np.float32), clip.motion_TD[start:end] - rest_D)
