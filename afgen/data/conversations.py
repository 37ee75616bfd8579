"""Conversations of two people, composed of recorded talking and simulated behaviour.

Mouth and voice of whoever talks are real recordings, revoiced; head, gaze, lids, brows, smiles and
all listening are simulated. What is drawn comes from one generator, in a fixed order.

Shape letters: T frames, S samples, D motion, K behaviour channels.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from afgen.clock import FRAME_RATE_HZ, SAMPLES_PER_FRAME
from afgen.data.body import Body
from afgen.data.clips import Clip
from afgen.data.listeners import Answer, Performance, VoiceCues, hear, simulate
from afgen.data.turns import Scene, Side, Utterance, draw_scene, draw_turns
from afgen.data.voices import (
    Voice,
    draw_room,
    draw_voice,
    hum,
    record,
    resample_rows,
    revoice,
    tones,
)
from afgen.signals import Flags, Floats

RAMP_FRAMES: Final = 5  # a recorded mouth fades into rest over this long
CROSSTALK_CHANCE: Final = 0.6
TONES_CHANCE: Final = 0.12
HABIT: Final = 0.3  # deviation of a person's habitual look from neutral


@dataclass(frozen=True, slots=True)
class Participant:
    """One of the two, over all T frames."""

    speaker: str  # whose voice and mouth it is, where the clips tell
    clips: tuple[Clip, ...]  # what is said, in this order
    speech_T: Flags  # "mm" is no speech
    voice_S: Floats  # at the mouth, "mm" included
    recorded_S: Floats  # through a room and a microphone, with the other's voice behind it
    motion_TD: Floats
    habit_D: Floats  # the resting face
    acts: Performance


@dataclass(frozen=True, slots=True)
class Conversation:
    """Two people together."""

    scene: Scene
    avatar: Participant
    user: Participant


@dataclass(frozen=True, slots=True)
class _Part:
    """One person's side before it is recorded: clean voice, face from the recordings, cues."""

    clips: tuple[Clip, ...]
    voice_S: Floats
    face_TD: Floats
    cues: VoiceCues


def converse(rng: np.random.Generator, clips: list[Clip], body: Body, frames: int) -> Conversation:
    """One conversation of T = `frames`; where the clips are of several people, between two."""
    cast = _cast(rng, clips)
    voices = {side: draw_voice(rng) for side in Side}
    lengths = {side: [_length(clip, voices[side]) for clip in cast[side]] for side in Side}
    scene = draw_scene(rng)
    turns = draw_turns(rng, scene, frames, lengths)
    parts = [_part(cast[side], body, turns, side, voices[side], frames) for side in Side]
    acts = _acts(parts[0], parts[1], rng)
    voiced = [_with_hums(part.voice_S, one, rng) for part, one in zip(parts, acts, strict=True)]
    recorded = _recorded(voiced, rng)
    habits = [_habit(body, rng) for _ in parts]
    avatar, user = (
        Participant(
            speaker=cast[side][0].person,
            clips=part.clips,
            speech_T=part.cues.speech_T,
            voice_S=voice_S,
            recorded_S=recorded_S,
            motion_TD=part.face_TD + body.motion(one.behaviour_TK) + habit_D,
            habit_D=habit_D,
            acts=one,
        )
        for side, part, voice_S, recorded_S, habit_D, one in zip(
            Side, parts, voiced, recorded, habits, acts, strict=True
        )
    )
    return Conversation(scene, avatar, user)


def _cast(rng: np.random.Generator, clips: list[Clip]) -> dict[Side, list[Clip]]:
    """Who takes which side: two different people, or one recorded person on both."""
    people = sorted({clip.person for clip in clips})
    if len(people) == 1:
        return dict.fromkeys(Side, clips)
    chosen = rng.permutation(len(people))
    return {
        side: [clip for clip in clips if clip.person == people[number]]
        for side, number in zip(Side, chosen[: len(Side)], strict=True)
    }


def _acts(avatar: _Part, user: _Part, rng: np.random.Generator) -> tuple[Performance, Performance]:
    """What both do besides talking: the avatar sees the user, who sees nothing."""
    seeds = rng.integers(0, 2**31, 2)
    user_acts = simulate(user.cues, avatar.cues, None, int(seeds[0]))
    return simulate(avatar.cues, user.cues, user_acts.behaviour_TK, int(seeds[1])), user_acts


def _length(clip: Clip, voice: Voice) -> int:
    return int((clip.frames - 1) / voice.speed) + 1


def _part(
    clips: list[Clip], body: Body, turns: list[Utterance], side: Side, voice: Voice, frames: int
) -> _Part:
    """One person's utterances in their places; the face is at rest (zero) between them."""
    said = [turn for turn in turns if turn.side is side]
    voice_S = np.zeros(frames * SAMPLES_PER_FRAME, np.float32)
    face_TD = np.zeros((frames, len(body.mirror_D)), np.float32)
    for turn in said:
        clip = clips[turn.clip]
        moved_TD = resample_rows(clip.motion_TD, voice.speed) @ body.lower_face_DD
        moved_TD *= _ramp(len(moved_TD))[:, None]
        end = min(frames, turn.start_frame + len(moved_TD))
        kept = end - turn.start_frame
        face_TD[turn.start_frame : end] = moved_TD[:kept]
        sound_S = revoice(clip.audio_S, voice)[: kept * SAMPLES_PER_FRAME]
        first = turn.start_frame * SAMPLES_PER_FRAME
        voice_S[first : first + len(sound_S)] = sound_S
    return _Part(tuple(clips[turn.clip] for turn in said), voice_S, face_TD, hear(voice_S))


def _ramp(frames: int) -> Floats:
    """From 0 to 1 and back to 0, for the ends of a recorded movement."""
    position_T = np.arange(1, frames + 1, dtype=np.float32)
    edge_T = np.minimum(position_T, position_T[::-1]) / (RAMP_FRAMES + 1)
    ramp_T: Floats = np.minimum(edge_T, 1).astype(np.float32)
    return ramp_T


def _with_hums(voice_S: Floats, acts: Performance, rng: np.random.Generator) -> Floats:
    """The voice with an "mm" at each spoken backchannel."""
    out_S = voice_S.copy()
    pitch_hz = float(rng.uniform(90, 230))
    loudness = float(np.sqrt(np.mean(np.square(voice_S)))) or 0.03
    for response in acts.responses:
        if response.answer is not Answer.NOD_WITH_VOICE:
            continue
        start = response.frame * SAMPLES_PER_FRAME
        samples = min(int(rng.uniform(0.2, 0.45) * FRAME_RATE_HZ) * SAMPLES_PER_FRAME, 7000)
        sound_S = loudness * float(rng.uniform(0.5, 1.2)) * hum(samples, pitch_hz, rng)
        kept = out_S[start : start + samples]
        kept += sound_S[: len(kept)]
    return out_S


def _recorded(clean: list[Floats], rng: np.random.Generator) -> list[Floats]:
    """Both voices as recorded: rooms, noise, each other's voice at -20 to -40 dB, tones."""
    rooms = [draw_room(rng) for _ in clean]
    heard = [record(voice_S, room, rng) for voice_S, room in zip(clean, rooms, strict=True)]
    mixed = []
    for own, room in enumerate(rooms):
        sound_S = heard[own]
        if rng.random() < CROSSTALK_CHANCE:
            relative_db = rng.uniform(-40, -20) + room.level_db - rooms[1 - own].level_db
            sound_S = sound_S + np.float32(10 ** (relative_db / 20)) * heard[1 - own]
        if rng.random() < TONES_CHANCE:
            level = 10 ** ((room.level_db + rng.uniform(-25, -3)) / 20)
            sound_S = sound_S + np.float32(level) * _in_silence(clean[own], rng)
        mixed.append(_gated(sound_S, clean[own]) if room.gated else sound_S)
    return mixed


def _in_silence(voice_S: Floats, rng: np.random.Generator) -> Floats:
    """Tones wherever the voice is silent: sounds that must not open the mouth."""
    return tones(len(voice_S), rng) * ~_active(voice_S)


def _gated(sound_S: Floats, voice_S: Floats) -> Floats:
    """Exact zeros where the voice is silent."""
    return sound_S * _active(voice_S)


def _active(voice_S: Floats) -> Floats:
    """Samples (S,) of the frames in which anything was said, as booleans."""
    spoken_T = np.abs(voice_S.reshape(-1, SAMPLES_PER_FRAME)).max(axis=1) > 0
    active_S: Floats = np.repeat(spoken_T, SAMPLES_PER_FRAME)
    return active_S


def _habit(body: Body, rng: np.random.Generator) -> Floats:
    """How a person's resting face (D,) differs from neutral, mouth closed and eyes open."""
    random_D = rng.normal(0, HABIT, len(body.mirror_D)).astype(np.float32)
    habit_D: Floats = random_D @ body.habit_DD
    return habit_D
