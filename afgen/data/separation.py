"""Whose voice is whose, whatever form the sound has: one interface, five ways.

| way | the sound | whose it is |
|---|---|---|
| `auto` | made out: channels if they carry one person each, else a mixture | mouths |
| `channels` | two channels, one person each | mouths |
| `mouths` | a mixture of all channels | it goes to whoever's mouth moves: active speaker |
| a folder | an external separator's `NAME.1.wav`, `NAME.2.wav` beside each recording | mouths |
| given | columns `left_audio`, `right_audio` of the manifest | by place |

A separator that looks at faces (as the paper's data was made with) runs outside and writes the
folder: it needs nothing from here but the recordings.

Shape letters: C channels, P people, S samples, T frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from afgen.clock import FRAME_RATE_HZ, SAMPLE_RATE_HZ
from afgen.data.scenes import Span
from afgen.data.sources import Source
from afgen.errors import FileMissingError, UnusableClipError
from afgen.media.decode import decode_samples
from afgen.media.probe import MediaInfo, probe
from afgen.signals import Floats, Samples
from afgen.tracks.observe import PersonTrack
from afgen.tracks.parties import Parties, hear, make_out, mixed_down, one_channel_each, place_name
from afgen.tracks.roles import Decision, Party
from afgen.tracks.speakers import mouth_activity, mouth_evidence

WAYS: Final = ("auto", "channels", "mouths")
_WHOSE: Final = "Whose voice is it?"


class Voices(Protocol):
    """Gives the people of a scene their voices."""

    def parties(self, people: Sequence[PersonTrack], scene: Span) -> Parties:
        """Two sides at most: those in view with their voices, and a voice from off camera.

        Raises MediaError or UnusableClipError where the sound cannot be used.
        """
        ...


def voices_of(source: Source, info: MediaInfo, way: str) -> Voices:
    """How the sound of a source is shared out: as given in the manifest, else by `way`.

    Raises FileMissingError where the voices of this source are not in the folder `way`.
    """
    if source.voices:
        return GivenTracks(tuple(probe(path) for path in source.voices))
    if way == "auto":
        return Heard(info)
    if way == "mouths":
        return Heard(info, mixed=True)
    if way == "channels":
        return OneEach((info,))
    apart = [Path(way) / f"{source.path.stem}.{number}.wav" for number in (1, 2)]
    if not all(path.is_file() for path in apart):
        raise FileMissingError(f"{source.path.name}: {apart[0]} and {apart[1].name} are not there.")
    return OneEach(tuple(probe(path) for path in apart))


@dataclass(frozen=True, slots=True)
class Heard:
    """The recording's own sound, made out as a render does.

    One person in view and nobody else to be heard: the sound is theirs as it is, room and all.
    """

    info: MediaInfo
    mixed: bool = False  # channels are never taken for people

    def parties(self, people: Sequence[PersonTrack], scene: Span) -> Parties:
        """See `Voices`."""
        if self.info.audio is None:
            return make_out(people, None, scene.frames)
        audio_CS = _sound(self.info, scene)
        if self.mixed:
            audio_CS = mixed_down(audio_CS)[None]
        found = make_out(people, audio_CS, scene.frames)
        if len(found.parties) != 1:
            return found
        alone = replace(found.parties[0], audio_S=mixed_down(audio_CS))
        return replace(found, parties=(alone,))


@dataclass(frozen=True, slots=True)
class OneEach:
    """Two signals, one person each: the channels of one file, or two files of one signal."""

    files: tuple[MediaInfo, ...]

    def parties(self, people: Sequence[PersonTrack], scene: Span) -> Parties:
        """See `Voices`."""
        if len(self.files) == 1:
            audio_CS = _sound(self.files[0], scene)
        else:
            audio_CS = np.stack([mixed_down(_sound(info, scene)) for info in self.files])
        if len(audio_CS) != 2:
            raise UnusableClipError(
                f"{self.files[0].path.name} has {len(audio_CS)} channels, not one a person.",
                hint="Use --voices auto.",
            )
        evidence_PT = mouth_evidence(_activity(people, scene.frames))
        return one_channel_each(people, hear(audio_CS, scene.frames), evidence_PT)


@dataclass(frozen=True, slots=True)
class GivenTracks:
    """A file a person, from left to right."""

    files: tuple[MediaInfo, ...]

    def parties(self, people: Sequence[PersonTrack], scene: Span) -> Parties:
        """See `Voices`."""
        in_view = sorted(people[:2], key=lambda one: one.centre_x)
        sides: list[Party] = []
        for index, info in enumerate(self.files[:2]):
            voice_S = mixed_down(_sound(info, scene))
            speech_T = hear(voice_S[None], scene.frames).own_CT[0]
            if index < len(in_view):
                face = in_view[index]
                name = place_name(face, in_view)
                sides.append(Party(name, face.centre_x, face, voice_S, speech_T))
            else:
                sides.append(Party("off camera", None, None, voice_S, speech_T))
        decision = Decision(_WHOSE, "given apart", "The manifest names the files.", 1.0)
        return Parties(tuple(sides), decisions=(decision,))


def _sound(info: MediaInfo, scene: Span) -> Samples:
    """Sound (C, S) of a scene, filled with silence where the file ends earlier."""
    channels = info.require_audio().channels
    known = min(scene.stop, info.frames)
    samples = scene.frames * SAMPLE_RATE_HZ // FRAME_RATE_HZ
    sound_CS = np.zeros((channels, samples), np.int16)
    if known > scene.start:
        start_s, end_s = scene.start / FRAME_RATE_HZ, known / FRAME_RATE_HZ
        heard_CS = decode_samples(info.path, start_s=start_s, end_s=end_s, info=info)
        sound_CS[:, : heard_CS.shape[1]] = heard_CS[:, :samples]
    return sound_CS


def _activity(people: Sequence[PersonTrack], frames: int) -> Floats:
    if not people:
        return np.zeros((0, frames), np.float32)
    return np.stack([mouth_activity(one.mouth_T2, one.present_T) for one in people])
