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
from afgen.data.shards import Metadata, Sample, open_shards
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
    person: str = ""  # whose it is, where the shards tell

    @property
    def frames(self) -> int:
        """T."""
        return len(self.motion_TD)


@dataclass(frozen=True, slots=True)
class Talker:
    """All clips, with motion relative to how the speaker's face rests when silent."""

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
    people = {clip.person for clip, _ in usable}
    rests = {
        person: _rest([(clip, on_T) for clip, on_T in usable if clip.person == person])
        for person in people
    }
    return Talker([_cut(clip, speech_T, rests[clip.person]) for clip, speech_T in usable])


def _rest(usable: list[tuple[Clip, Flags]]) -> Floats:
    """Motion (D,) of one person's silent face: the median of all silent frames, or of all."""
    silent_TD = np.concatenate([clip.motion_TD[~speech_T] for clip, speech_T in usable])
    if not len(silent_TD):
        silent_TD = np.concatenate([clip.motion_TD for clip, _ in usable])
    rest_D: Floats = np.median(silent_TD, axis=0).astype(np.float32)
    return rest_D


def _clip(sample: Sample) -> Clip:
    motion_TD, audio_S = (sample.arrays[name] for name in _FIELDS)
    return Clip(sample.key, to_sound(audio_S), motion_TD, person_in(sample.metadata))


def person_in(metadata: Metadata) -> str:
    """Whose recording it is; where the shards do not tell, all are taken for one person's."""
    return str(metadata.get("identity_group") or "")


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
    motion_TD = clip.motion_TD[start:end] - rest_D
    return Clip(clip.name, sound_S.astype(np.float32), motion_TD, clip.person)
