"""One recording -> its samples: scenes, people, voices, roles, measures, features, pictures.

A sample that fails a gate is given too, with its measures, its reasons and a thumbnail, and without
its arrays: so that somebody can look at what was left out.

Shape letters: T frames, S samples, N landmarks, D motion.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from afgen.autoencoder.mesh.basis import load_basis
from afgen.autoencoder.mesh.encode import ClipMotion, encode_clip
from afgen.clock import FRAME_RATE_HZ, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from afgen.data.crops import (
    THUMBNAIL,
    crops_of,
    pack_pictures,
    regions_of,
    squares_of,
    thumbnail,
)
from afgen.data.families import EMBEDDED, Extras
from afgen.data.quality import (
    GateConfig,
    face_measures,
    gates_of,
    overlap_of,
    rejections,
    sync_measures,
    tonality_of,
    worst_of,
)
from afgen.data.scenes import SceneConfig, Span, find_scenes
from afgen.data.separation import voices_of
from afgen.data.shards import Array, Sample
from afgen.data.sources import Source
from afgen.data.watching import (
    Stretch,
    StretchConfig,
    landmarks_of,
    parts_of,
    stretches_of,
    watch,
)
from afgen.errors import UnusableClipError
from afgen.media.decode import decode_video
from afgen.media.probe import MediaInfo, probe
from afgen.signals import Flags, Floats, Image, Samples
from afgen.tracks.parties import Parties
from afgen.tracks.roles import Party, assign_roles
from afgen.tracks.side import AvatarSide
from afgen.tracks.speakers import mouth_activity

REJECTED: Final = "rejected"  # the metadata's entry of a sample that failed a gate
SIDES: Final = ("avatar", "user")


@dataclass(frozen=True, slots=True)
class SampleConfig:
    """Everything that decides what becomes of a recording."""

    scenes: SceneConfig = field(default_factory=SceneConfig)
    stretches: StretchConfig = field(default_factory=StretchConfig)
    gates: GateConfig = field(default_factory=GateConfig)
    people: int = 2  # looked for in every scene; 1 is a little faster
    voices: str = "auto"
    families: tuple[str, ...] = (EMBEDDED,)
    faces_px: int | None = None  # side of the pictures that are kept; None keeps none
    landmarks: bool = False  # kept for fitting a motion basis


@dataclass(frozen=True, slots=True)
class _Face:
    """One person through one stretch."""

    party: Party
    landmarks_TN3: Floats
    seen_T: Flags
    motion: ClipMotion

    def part(self, span: Span) -> "_Face":
        """A part of the stretch."""
        cut = slice(span.start, span.stop)
        motion = ClipMotion(
            self.motion.motion_TD[cut],
            self.motion.mouth_T[cut],
            self.motion.eyes_T[cut],
            self.motion.neutral_N3,
            self.motion.rest,
        )
        return _Face(self.party, self.landmarks_TN3[cut], self.seen_T[cut], motion)


@dataclass(frozen=True, slots=True)
class _Scene:
    """What all samples of a scene have in common."""

    source: Source
    info: MediaInfo
    span: Span
    found: Parties
    file: Mapping[str, str]  # as the corpus calls it, and the hash of its bytes


def samples_of(
    source: Source, sha256: str, config: SampleConfig, extras: Extras
) -> Iterator[Sample]:
    """All samples of a recording in order, those that fail a gate among them.

    Raises MediaError where the recording or its voices cannot be read, UnusableClipError where
    nobody is in view for long enough.
    """
    info = probe(source.path)
    voices = voices_of(source, info, config.voices)
    file = {"file": source.file or source.path.name, "sha256": sha256}
    given = 0
    for span in find_scenes(info, config.scenes):
        if span.frames < config.stretches.shortest_frames:
            continue
        people = watch(info, span, config.people)
        if not people:
            continue
        scene = _Scene(source, info, span, voices.parties(people, span), file)
        for sample in _of_scene(scene, config, extras):
            given += 1
            yield sample
    if not given:
        raise UnusableClipError(f"{source.path.name}: no face is in view for a second.")


def _of_scene(scene: _Scene, config: SampleConfig, extras: Extras) -> Iterator[Sample]:
    parties = {party.track.ident: party for party in _by_role(scene.found) if party.track}
    people = tuple(party.track for party in parties.values() if party.track)
    for stretch in stretches_of(people, config.stretches):
        faces = [_face(parties[ident], stretch) for ident in parties if ident in stretch.idents]
        for part in parts_of(stretch, config.stretches):
            inside = Span(part.span.start - stretch.span.start, part.span.stop - stretch.span.start)
            yield _sample(scene, part, [face.part(inside) for face in faces], config, extras)


def _by_role(found: Parties) -> list[Party]:
    """The sides of a scene, the avatar first: whoever speaks more."""
    if len(found.parties) < 2:
        return list(found.parties)
    first = assign_roles(found.parties, AvatarSide.AUTO).avatar or 0
    return [found.parties[first], found.parties[1 - first]]


def _face(party: Party, stretch: Stretch) -> _Face:
    if party.track is None:
        raise ValueError("nobody who is not seen has a face")
    landmarks_TN3, seen_T = landmarks_of(party.track, stretch.span)
    return _Face(party, landmarks_TN3, seen_T, encode_clip(landmarks_TN3, load_basis()))


def _sample(
    scene: _Scene,
    part: Stretch,
    faces: Sequence[_Face],
    config: SampleConfig,
    extras: Extras,
) -> Sample:
    parties = [face.party for face in faces]
    if len(faces) == 1:  # of the other one, who is not in view here, the voice may be known
        parties += [one for one in scene.found.parties if one is not parties[0]][:1]
    gates = gates_of(config.gates)
    measures = _measures(faces, parties, part.span, gates)
    reasons = rejections(measures, gates)
    start = scene.span.start + part.span.start
    metadata: dict[str, Any] = {
        **scene.source.facts,
        "source": scene.file,
        "start_frame": start,
        "frames": part.span.frames,
        "scene": [scene.span.start, scene.span.stop],
        "alignment": {"frame_rate_hz": FRAME_RATE_HZ, "sample_rate_hz": SAMPLE_RATE_HZ},
        "roles": dict(zip(SIDES, (one.name for one in parties), strict=False)),
        "people": dict(zip(SIDES, (_person(one, part.span) for one in parties), strict=False)),
        "measures": {name: round(value, 4) for name, value in measures.items()},
    }
    key = f"{scene.source.name}-{start:07d}-{''.join(map(str, part.idents))}"
    arrays: dict[str, Array] = {
        f"{side}_{THUMBNAIL}": thumbnail(face.party.track.thumbnail_HWC)
        for side, face in zip(SIDES, faces, strict=False)
        if face.party.track is not None
    }
    if reasons:
        return Sample(key, {**metadata, REJECTED: reasons}, arrays)
    for side, party in zip(SIDES, parties, strict=False):
        arrays |= _named(side, _voice(party, part.span, extras))
    for side, face in zip(SIDES, faces, strict=False):
        arrays |= _named(side, _features(face, config))
        arrays |= _named(side, _pixels(scene.info, start, face, config, extras))
    return Sample(key, metadata, arrays)


def _named(side: str, fields: Mapping[str, Array]) -> dict[str, Array]:
    return {f"{side}_{name}": array for name, array in fields.items()}


def _measures(
    faces: Sequence[_Face], parties: Sequence[Party], span: Span, gates: Any
) -> dict[str, float]:
    mean_N3 = load_basis().mean_N3
    sides = []
    for face in faces:
        measured = face_measures(face.landmarks_TN3, face.seen_T, mean_N3)
        audio_S, speech_T = _heard(face.party, span)
        if audio_S is not None and speech_T is not None:
            measured |= sync_measures(face.motion.mouth_T, _activity(face, span), audio_S, speech_T)
            measured |= tonality_of(audio_S)
        sides.append(measured)
    spoken = [speech_T for _, speech_T in (_heard(one, span) for one in parties)]
    if len(spoken) == 2 and spoken[0] is not None and spoken[1] is not None:
        sides.append(overlap_of(spoken[0], spoken[1]))
    return worst_of(sides, gates)


def _activity(face: _Face, span: Span) -> Floats:
    """How fast the lips move in a part of the scene."""
    if face.party.track is None:
        raise ValueError("nobody who is not seen moves their lips")
    whole_T = mouth_activity(face.party.track.mouth_T2, face.party.track.present_T)
    return whole_T[span.start : span.stop]


def _heard(party: Party, span: Span) -> tuple[Samples | None, Flags | None]:
    """A party's voice in a part of the scene, and when it speaks."""
    if party.audio_S is None or party.speech_T is None:
        return None, None
    samples = slice(span.start * SAMPLES_PER_FRAME, span.stop * SAMPLES_PER_FRAME)
    return party.audio_S[samples], party.speech_T[span.start : span.stop]


def _person(party: Party, span: Span) -> dict[str, Any]:
    _, speech_T = _heard(party, span)
    return {
        "place": None if party.place is None else round(party.place, 3),
        "in_view": party.track is not None,
        "speaks": None if speech_T is None else round(float(speech_T.mean()), 3),
    }


def _voice(party: Party, span: Span, extras: Extras) -> dict[str, Array]:
    audio_S, speech_T = _heard(party, span)
    if audio_S is None or speech_T is None:
        return {}
    return {"audio_S": audio_S, "speech_T": speech_T, **extras.voice_rows(audio_S)}


def _features(face: _Face, config: SampleConfig) -> dict[str, Array]:
    kept: dict[str, Array] = {
        "motion_TD": face.motion.motion_TD,
        "mouth_T": face.motion.mouth_T,
        "eyes_T": face.motion.eyes_T,
        "seen_T": face.seen_T,
    }
    if config.landmarks:
        kept["landmarks_TN3"] = face.landmarks_TN3
    return kept


def _pixels(
    info: MediaInfo, start: int, face: _Face, config: SampleConfig, extras: Extras
) -> dict[str, Array]:
    """What is made of the pictures themselves, which are decoded again for each."""
    kept: dict[str, Array] = {}
    squares = squares_of(face.landmarks_TN3)

    def frames() -> Iterator[Image]:
        stop = start + len(squares)
        return decode_video(info.path, start_frame=start, end_frame=stop, info=info)

    if extras.autoencoder is not None:
        kept["lia_TD"] = extras.latents(frames(), face.landmarks_TN3)
    if config.faces_px is not None:
        kept |= pack_pictures(crops_of(frames(), squares, config.faces_px))
        kept["regions_TR4"] = np.stack(
            [
                regions_of(landmarks_N3, square)
                for landmarks_N3, square in zip(face.landmarks_TN3, squares, strict=True)
            ]
        )
    return kept
