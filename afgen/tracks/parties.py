"""From what was seen and heard in one recording to the two sides of its conversation.

Three kinds of sound are told apart: none, one channel a person, and a mixture. A mixture is shared
out by who speaks when: by mouths where faces are seen, by voices alone where none is.

Shape letters: C channels, P people or voices, T frames, S samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from afgen.clock import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from afgen.signals import Flags, Floats, Samples, to_sound
from afgen.tracks.observe import PersonTrack
from afgen.tracks.roles import Decision, Party
from afgen.tracks.speakers import (
    ActiveSpeakerSeparator,
    Separator,
    apply_mask,
    channel_kind,
    match_channels,
    mouth_activity,
    mouth_evidence,
    own_speech,
    seconds,
    speaker_posterior,
    two_voices,
)
from afgen.tracks.speech import SpeechState, detect_speech
from afgen.tracks.voices import voice_features

_LEAST_OFF_CAMERA_S = 1.0
_LEAST_OFF_CAMERA_SHARE = 0.12
_BLEED_DB = 14.0
_HEARD_FRAMES = 500  # listened to at once, which bounds the memory

_WHOSE_SOUND = "Whose voice is on the sound track?"


@dataclass(frozen=True, slots=True)
class Parties:
    """The sides of a conversation, those who take no part in it, and how they were made out."""

    parties: tuple[Party, ...]  # two at most
    others: tuple[Party, ...] = ()
    decisions: tuple[Decision, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hearing:
    """Sound with what was detected on each channel."""

    audio_CS: Samples
    levels_CT: Floats
    own_CT: Flags  # speech that is the channel's own, not the other side leaking in


def hear(audio_CS: Samples, frames: int) -> Hearing:
    """Detect speech on up to two channels; more are mixed into one."""
    if len(audio_CS) > 2:
        audio_CS = mixed_down(audio_CS)[None]
    levels_CT = np.full((len(audio_CS), frames), -120.0, np.float32)
    active_CT = np.zeros((len(audio_CS), frames), np.bool_)
    for channel, channel_S in enumerate(audio_CS):
        state: SpeechState | None = None
        for first in range(0, min(frames, len(channel_S) // SAMPLES_PER_FRAME), _HEARD_FRAMES):
            span = slice(first * SAMPLES_PER_FRAME, (first + _HEARD_FRAMES) * SAMPLES_PER_FRAME)
            speech, state = detect_speech(to_sound(channel_S[span]), state)
            last = min(first + len(speech.active_T), frames)
            levels_CT[channel, first:last] = speech.level_dbfs_T[: last - first]
            active_CT[channel, first:last] = speech.active_T[: last - first]
    own_CT = own_speech(levels_CT, active_CT, bleed_db=_BLEED_DB)
    return Hearing(audio_CS, levels_CT, own_CT)


def mixed_down(audio_CS: Samples) -> Samples:
    """All channels as one, made piece by piece."""
    if len(audio_CS) == 1:
        return np.asarray(audio_CS[0])
    mixed_S = np.empty(audio_CS.shape[1], np.int16)
    for first in range(0, len(mixed_S), SAMPLE_RATE_HZ):
        span = slice(first, first + SAMPLE_RATE_HZ)
        mixed_S[span] = np.rint(audio_CS[:, span].mean(axis=0))
    return mixed_S


def make_out(
    people: Sequence[PersonTrack],
    audio_CS: Samples | None,
    frames: int,
    *,
    separator: Separator | None = None,
) -> Parties:
    """The sides of a recording from the people in it and its sound; either may be missing."""
    activity_PT = (
        np.stack([mouth_activity(one.mouth_T2, one.present_T) for one in people])
        if people
        else np.zeros((0, frames), np.float32)
    )
    evidence_PT = mouth_evidence(activity_PT)
    if audio_CS is None:
        return _without_sound(people)
    heard = hear(audio_CS, frames)
    separate = channel_kind(heard.levels_CT, heard.own_CT) == "separate"
    if separate and people and not heard.own_CT.any(axis=1).all():
        separate = False  # one microphone on one side of a stereo track, not one person a channel
    if separate:
        return one_channel_each(people, heard, evidence_PT)
    mixture = hear(_mixture(heard)[None], frames)
    separator = separator or ActiveSpeakerSeparator()
    if not people:
        return _voices_only(mixture, separator)
    return _faces_and_mixture(people, mixture, evidence_PT, separator)


def _mixture(heard: Hearing) -> Samples:
    """One signal of both channels, or the live one where the other is dead."""
    live_C = heard.own_CT.any(axis=1)
    channels_CS = heard.audio_CS[live_C] if live_C.any() else heard.audio_CS
    return mixed_down(channels_CS)


def _without_sound(people: Sequence[PersonTrack]) -> Parties:
    two, rest = _most_prominent(people, [0.0] * len(people))
    sides = [_face(people[index], people, None, None) for index in two]
    warning = "The recording has no sound: nobody can speak, only faces are followed."
    return Parties(
        tuple(sides),
        tuple(_face(people[index], people, None, None) for index in rest),
        warnings=(warning, *_crowd(people)),
    )


def one_channel_each(people: Sequence[PersonTrack], heard: Hearing, evidence_PT: Floats) -> Parties:
    """One person a channel: faces, if any, are matched to channels by their mouths."""
    clean_CS = [_without_bleed(heard, channel) for channel in (0, 1)]
    kind = Decision(
        "How is the sound laid out?",
        "one person a channel",
        "The two channels are rarely equally loud.",
        0.95,
    )
    if not people:
        sides = [
            Party(f"{side} channel", place, None, clean_CS[channel], heard.own_CT[channel])
            for channel, (side, place) in enumerate((("left", 0.0), ("right", 1.0)))
        ]
        return Parties(tuple(sides), decisions=(kind,))
    two, rest = _most_prominent(people, evidence_PT.clip(0).sum(axis=1).tolist())
    if len(two) == 1:
        evidence_PT = np.stack([evidence_PT[two[0]], np.zeros_like(evidence_PT[0])])
        match = match_channels(heard.own_CT, evidence_PT)
        mine = match.face_of_channel.index(0)
        face = _face(people[two[0]], people, clean_CS[mine], heard.own_CT[mine])
        other = Party("off camera", None, None, clean_CS[1 - mine], heard.own_CT[1 - mine])
        parties: tuple[Party, ...] = (face, other)
    else:
        match = match_channels(heard.own_CT, evidence_PT[list(two)])
        parties = tuple(
            _face(people[index], people, clean_CS[channel], heard.own_CT[channel])
            for index, channel in (
                (two[side], match.face_of_channel.index(side)) for side in (0, 1)
            )
        )
        mine = match.face_of_channel.index(0)
    whose = Decision(
        "Which channel is whose?",
        f"{('left', 'right')[mine]} channel: {parties[0].name}; other: {parties[1].name}",
        "Mouths move when their own channel speaks alone.",
        match.confidence,
    )
    others = tuple(_face(people[index], people, None, None) for index in rest)
    return Parties(parties, others, (kind, whose), _crowd(people))


def _without_bleed(heard: Hearing, channel: int) -> Samples:
    """A channel with the other person's leaking voice taken out while only they speak."""
    mine_T, other_T = heard.own_CT[channel], heard.own_CT[1 - channel]
    quieter_T = heard.levels_CT[channel] < heard.levels_CT[1 - channel] - _BLEED_DB
    leak_T = other_T & ~mine_T & quieter_T
    if not leak_T.any():
        return np.asarray(heard.audio_CS[channel])
    return apply_mask(heard.audio_CS[channel], 1.0 - leak_T.astype(np.float32))


def _voices_only(heard: Hearing, separator: Separator) -> Parties:
    """A mixture without picture: two voices told apart by their sound alone."""
    mixture_S, speech_T = heard.audio_CS[0], heard.own_CT[0]
    posterior_PT = two_voices(to_sound(mixture_S), speech_T)
    signals_PS = separator.separate(mixture_S, posterior_PT * speech_T)
    parties = [
        Party(name, None, None, signal_S, speech_T & (posterior_PT.argmax(axis=0) == voice))
        for voice, (name, signal_S) in enumerate(
            zip(("first voice", "second voice"), signals_PS, strict=True)
        )
    ]
    spoken = [party for party in parties if party.speech_s > 0]
    decision = Decision(
        _WHOSE_SOUND,
        "two voices, told apart by sound" if len(spoken) == 2 else "one voice",
        "There is one mixed channel and no picture.",
        0.6,
    )
    warning = (
        "Two voices on one channel were told apart by their sound alone, which often errs: "
        "give each person's sound apart (--avatar-audio, --user-audio) if you have it."
    )
    return Parties(tuple(spoken or parties[:1]), (), (decision,), (warning,))


def _faces_and_mixture(
    people: Sequence[PersonTrack],
    heard: Hearing,
    evidence_PT: Floats,
    separator: Separator,
) -> Parties:
    """A mixture with faces: whose mouth moves speaks; the rest comes from off camera."""
    mixture_S, speech_T = heard.audio_CS[0], heard.own_CT[0]
    posterior_KT = speaker_posterior(speech_T, evidence_PT, voice_features(to_sound(mixture_S)))
    speaking_KT = (posterior_KT.argmax(axis=0) == np.arange(len(posterior_KT))[:, None]) & speech_T
    two, rest = _most_prominent(people, speaking_KT[:-1].sum(axis=1).tolist())
    unseen_s = seconds(speaking_KT[-1])
    heard_off = unseen_s >= max(_LEAST_OFF_CAMERA_S, _LEAST_OFF_CAMERA_SHARE * seconds(speech_T))
    voices = [*two, len(people)] if heard_off and len(two) == 1 else list(two)
    signals_VS = separator.separate(mixture_S, posterior_KT[voices] * speech_T)
    parties = [
        _face(people[index], people, signal_S, speaking_KT[index])
        for index, signal_S in zip(two, signals_VS, strict=False)
    ]
    others = [_face(people[index], people, None, speaking_KT[index]) for index in rest]
    warnings = list(_crowd(people))
    if len(voices) > len(two):
        parties.append(Party("off camera", None, None, signals_VS[-1], speaking_KT[-1]))
    elif heard_off:
        warnings.append(f"{unseen_s:.1f} s of speech belong to nobody in view and are left out.")
    certain = float(posterior_KT.max(axis=0)[speech_T].mean()) if speech_T.any() else 0.5
    shares = ", ".join(f"{party.name} {party.speech_s:.1f} s" for party in parties)
    decision = Decision(
        _WHOSE_SOUND,
        shares,
        "The sound is one mixture; it goes to whoever's mouth moves while speech is heard.",
        certain,
    )
    return Parties(tuple(parties), tuple(others), (decision,), tuple(warnings))


def _most_prominent(
    people: Sequence[PersonTrack], spoken_P: Sequence[float]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Indices of the two who matter, from left to right, and of the others.

    Speaking counts most; then being in view, and large.
    """
    if not people:
        return (), ()
    most = max(*spoken_P, 1e-6)
    tallest = max(person.height for person in people)
    weight = [
        spoken / most + person.presence * (0.3 + 0.7 * person.height / tallest)
        for person, spoken in zip(people, spoken_P, strict=True)
    ]
    order = sorted(range(len(people)), key=lambda index: -weight[index])
    two = sorted(order[:2], key=lambda index: people[index].centre_x)
    return tuple(two), tuple(sorted(order[2:]))


def _face(
    person: PersonTrack,
    people: Sequence[PersonTrack],
    audio_S: Samples | None,
    speech_T: Flags | None,
) -> Party:
    return Party(place_name(person, people), person.centre_x, person, audio_S, speech_T)


def place_name(person: PersonTrack, people: Sequence[PersonTrack]) -> str:
    """What to call somebody: by where they are among the others."""
    if len(people) == 1:
        return "person in view"
    order = sorted(people, key=lambda one: one.centre_x)
    rank = next(index for index, one in enumerate(order) if one.ident == person.ident)
    if len(people) == 2:
        return ("left person", "right person")[rank]
    return f"person {rank + 1} from left"


def _crowd(people: Sequence[PersonTrack]) -> tuple[str, ...]:
    if len(people) <= 2:
        return ()
    return (f"{len(people)} people are in view; the two who speak and show most are used.",)
