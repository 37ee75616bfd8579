"""From the files of a conversation to its two sides on one clock, and why they are so.

Every shape a recording can have ends in one `Understanding`: one video with two people, videos or
sounds of the two given apart, two channels, a mixture, or one side alone. What is missing stays
None.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from afgen.clock import SAMPLES_PER_FRAME, frames_in, seconds_at
from afgen.errors import NoAudioError, NoPersonError, OptionError
from afgen.media.audio import require_audible
from afgen.media.decode import decode_samples, decode_video
from afgen.media.probe import MediaInfo, probe
from afgen.signals import Conversation, Flags, Samples, Track
from afgen.tracks.follow import FollowConfig
from afgen.tracks.observe import Encode, ObserveConfig, PersonTrack, observe
from afgen.tracks.parties import Parties, hear, make_out, mixed_down
from afgen.tracks.roles import Decision, Party, assign_roles
from afgen.tracks.side import AvatarSide
from afgen.tracks.speakers import Separator
from afgen.tracks.speech import segments

StateT = TypeVar("StateT")
Progress = Callable[[int, int], None]  # frames read, frames in all

_LONGER_SIDE_PX = 1280  # pictures are read no larger; the mesh network sees 192 px of a face


@dataclass(frozen=True, slots=True)
class Sources:
    """The recordings given: one of both people, or those of each apart, which go before it.

    Sound may be taken from a video file; of `avatar_audio` only the sound counts, because the
    avatar's face is what is to be made.
    """

    conversation: Path | None = None
    user_video: Path | None = None
    user_audio: Path | None = None
    avatar_audio: Path | None = None


@dataclass(frozen=True, slots=True)
class Understanding:
    """The conversation, and how it was understood."""

    conversation: Conversation
    avatar: Party | None
    user: Party | None
    others: tuple[Party, ...]
    decisions: tuple[Decision, ...]
    warnings: tuple[str, ...]

    def people(self) -> list[tuple[str, Party]]:
        """Everybody found with their role: avatar, user, or other."""
        named = [("avatar", self.avatar), ("user", self.user)]
        found = [(role, party) for role, party in named if party is not None]
        return found + [("other", party) for party in self.others]

    def summary(self) -> dict[str, Any]:
        """The same as plain values for JSON: times in seconds, shares 0..1."""
        return {
            "duration_s": seconds_at(self.conversation.frames),
            "people": [_person_summary(role, party) for role, party in self.people()],
            "decisions": [
                {
                    "question": one.question,
                    "answer": one.answer,
                    "reason": one.reason,
                    "confidence": round(one.confidence, 2),
                }
                for one in self.decisions
            ],
            "warnings": list(self.warnings),
        }


def _person_summary(role: str, party: Party) -> dict[str, Any]:
    speech = [] if party.speech_T is None else segments(party.speech_T)
    face = party.track
    return {
        "role": role,
        "name": party.name,
        "speech_s": round(party.speech_s, 2),
        "speech": [[seconds_at(first), seconds_at(last)] for first, last in speech],
        "sound": party.audio_S is not None,
        "face": None
        if face is None
        else {
            "presence": round(face.presence, 3),
            "centre_x": round(face.centre_x, 3),
            "height": round(face.height, 3),
        },
    }


@dataclass(frozen=True, slots=True)
class Reading(Generic[StateT]):
    """How recordings are read: the span in frames, the encoder of motion, whom to tell."""

    start_frame: int = 0
    end_frame: int | None = None
    encode: Encode[StateT] | None = None
    separator: Separator | None = None
    progress: Progress | None = None


def understand(
    sources: Sources,
    side: AvatarSide = AvatarSide.AUTO,
    encode: Encode[StateT] | None = None,
    *,
    start_s: float = 0.0,
    end_s: float | None = None,
    separator: Separator | None = None,
    progress: Progress | None = None,
) -> Understanding:
    """Make out both sides of a conversation.

    Args:
        sources: the recordings.
        side: who of a shared recording the avatar is.
        encode: the motion autoencoder's `encode`; without it no motion is kept.
        start_s: where to begin in every recording.
        end_s: where to end; the end of the longest recording by default.
        separator: takes mixtures apart; masks by active speaker if None.
        progress: called with (frames read, frames in all) of each video.

    Raises:
        MediaError: a file cannot be used; NoAudioError or SilentAudioError if nothing of the
            conversation can be heard and nobody seen.
        NoPersonError, AmbiguousRolesError: the roles cannot be settled.
        OptionError: no source, or a span that is empty.
    """
    if start_s < 0 or (end_s is not None and end_s <= start_s):
        raise OptionError(f"The span from {start_s} s to {end_s} s is empty.")
    last = None if end_s is None else frames_in(end_s)
    reading = Reading(frames_in(start_s), last, encode, separator, progress)
    if sources.conversation is not None:
        return _shared(sources, sources.conversation, side, reading)
    if sources == Sources():
        raise OptionError("No recording was given.")
    return _apart(sources, reading)


@dataclass(frozen=True, slots=True)
class _Recording:
    """What one file holds of the span that is read."""

    name: str
    frames: int
    people: tuple[PersonTrack, ...]
    audio_CS: Samples | None


def _read(
    path: Path, reading: Reading[StateT], *, pictures: bool = True, people: int = 2
) -> _Recording:
    """Watch and listen to one file; `people` are expected in view."""
    info = probe(path)
    last = info.frames if reading.end_frame is None else min(reading.end_frame, info.frames)
    if last <= reading.start_frame:
        raise OptionError(
            f"{path.name} ends at {seconds_at(info.frames):.1f} s, before the span begins."
        )
    seen: tuple[PersonTrack, ...] = ()
    if pictures and info.video is not None:
        seen = _watch(info, reading, last, people)
    audio_CS = None
    if info.audio is not None:
        start_s, end_s = seconds_at(reading.start_frame), seconds_at(last)
        audio_CS = decode_samples(path, start_s=start_s, end_s=end_s, info=info)
    return _Recording(path.name, last - reading.start_frame, seen, audio_CS)


def _watch(
    info: MediaInfo, reading: Reading[StateT], last: int, people: int
) -> tuple[PersonTrack, ...]:
    video = info.require_video()
    scale = min(1.0, _LONGER_SIDE_PX / max(video.width, video.height))
    size = (max(2, round(video.width * scale)), max(2, round(video.height * scale)))
    pictures = decode_video(
        info.path, start_frame=reading.start_frame, end_frame=last, size=size, info=info
    )
    total = last - reading.start_frame
    tell = reading.progress
    return observe(
        pictures,
        reading.encode,
        ObserveConfig(follow=FollowConfig(people=people)),
        progress=None if tell is None else lambda done: tell(done, total),
    ).people


def _shared(
    sources: Sources, path: Path, side: AvatarSide, reading: Reading[StateT]
) -> Understanding:
    """One recording of both people; what is also given apart takes the place of its part of it."""
    recording = _read(path, reading)
    found = make_out(
        recording.people, recording.audio_CS, recording.frames, separator=reading.separator
    )
    _require_somebody(recording, found)
    roles = assign_roles(found.parties, side)
    avatar = None if roles.avatar is None else found.parties[roles.avatar]
    user = None if roles.user is None else found.parties[roles.user]
    avatar = _voice_given(avatar, "avatar", sources.avatar_audio, reading)
    user = _voice_given(user, "user", sources.user_audio, reading)
    if sources.user_video is not None:
        user = _face_given(user, sources.user_video, reading)
    return Understanding(
        _conversation(avatar, user),
        avatar,
        user,
        found.others,
        (*found.decisions, roles.decision),
        found.warnings,
    )


def _require_somebody(recording: _Recording, found: Parties) -> None:
    """Raise when a recording shows nobody and lets nobody be heard."""
    if recording.people or any(party.speech_s > 0 for party in found.parties):
        return
    if recording.audio_CS is None:
        raise NoPersonError(f"{recording.name}: no face can be seen and there is no sound.")
    require_audible(recording.audio_CS, recording.name)
    raise NoPersonError(f"{recording.name}: no face can be seen and no speech be heard.")


def _apart(sources: Sources, reading: Reading[StateT]) -> Understanding:
    """The two sides given as files of their own."""
    user = None
    if sources.user_video is not None:
        user = _face_given(None, sources.user_video, reading, with_sound=not sources.user_audio)
    user = _voice_given(user, "user", sources.user_audio, reading)
    avatar = _voice_given(None, "avatar", sources.avatar_audio, reading)
    decision = Decision("Who is the avatar?", "given apart", "The files were named.", 1.0)
    return Understanding(_conversation(avatar, user), avatar, user, (), (decision,), ())


def _voice_given(
    party: Party | None, name: str, path: Path | None, reading: Reading[StateT]
) -> Party | None:
    """The party with the sound of this file, if one is given."""
    if path is None:
        return party
    recording = _read(path, reading, pictures=False)
    if recording.audio_CS is None:
        raise NoAudioError(f"{path.name} has no sound.")
    require_audible(recording.audio_CS, path.name)
    audio_S, speech_T = _mono(recording.audio_CS, recording.frames)
    if party is None:
        return Party(name, None, None, audio_S, speech_T)
    return replace(party, audio_S=audio_S, speech_T=speech_T)


def _face_given(
    party: Party | None, path: Path, reading: Reading[StateT], *, with_sound: bool = False
) -> Party:
    """The user with the face of this file, and its sound if nobody else's is known."""
    recording = _read(path, reading, people=1)
    if not recording.people:
        raise NoPersonError(f"{path.name}: no face can be seen.")
    party = party or Party("user", None, None, None, None)
    if with_sound and recording.audio_CS is not None:
        audio_S, speech_T = _mono(recording.audio_CS, recording.frames)
        party = replace(party, audio_S=audio_S, speech_T=speech_T)
    face = max(recording.people, key=lambda one: one.presence * one.height)
    return replace(party, track=face, place=face.centre_x)


def _mono(audio_CS: Samples, frames: int) -> tuple[Samples, Flags]:
    """All channels as one, and when there is speech on it."""
    mono_S = mixed_down(audio_CS)
    return mono_S, hear(mono_S[None], frames).own_CT[0]


def _conversation(avatar: Party | None, user: Party | None) -> Conversation:
    """Both sides cut or padded to the longer one's length."""
    frames = max(_length(avatar), _length(user))
    return Conversation(frames, _side(avatar, frames), _side(user, frames))


def _kept(sound_S: Samples, samples: int) -> Samples:
    """Sound cut, or filled with silence, to so many samples."""
    if len(sound_S) == samples:
        return sound_S
    return np.pad(sound_S[:samples], (0, max(samples - len(sound_S), 0)))


def _length(party: Party | None) -> int:
    if party is None:
        return 0
    heard = 0 if party.audio_S is None else -(-len(party.audio_S) // SAMPLES_PER_FRAME)
    return max(heard, 0 if party.track is None else len(party.track.present_T))


def _side(party: Party | None, frames: int) -> Track:
    """A party as a track of exactly `frames` frames: silence and the last pose fill the end."""
    if party is None:
        return Track()
    audio_S = None if party.audio_S is None else _kept(party.audio_S, frames * SAMPLES_PER_FRAME)
    if party.track is None:
        return Track(audio_S)
    missing = max(frames - len(party.track.present_T), 0)
    present_T = np.pad(party.track.present_T[:frames], (0, missing))
    motion_TD = party.track.motion_TD
    if motion_TD is not None:
        motion_TD = np.pad(motion_TD[:frames], ((0, missing), (0, 0)), mode="edge")
    return Track(audio_S, motion_TD, present_T)
