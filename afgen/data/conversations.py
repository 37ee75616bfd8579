"""Training conversations of two people, composed of recorded talking and simulated behaviour.

The avatar's mouth and voice are real recordings, revoiced; head, gaze, lids, brows, smiles and all
listening are simulated. A conversation is a function of (seed, index) and the clips alone.

Shape letters: T frames, S samples, D motion, A audio features, K behaviour channels, R references.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from afgen.clock import FRAME_RATE_HZ, SAMPLES_PER_FRAME
from afgen.conditions.logmel import LogMelFeatures
from afgen.data.body import Body
from afgen.data.clips import Clip
from afgen.data.listeners import Answer, Channel, Performance, VoiceCues, hear, simulate
from afgen.data.turns import Side, Utterance, draw_scene, draw_turns
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
REFERENCES: Final = 4  # R
CROSSTALK_CHANCE: Final = 0.6
TONES_CHANCE: Final = 0.12
HABIT: Final = 0.3  # deviation of a person's habitual look from neutral


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


@dataclass(frozen=True, slots=True)
class _Part:
    """One person's side before it is recorded: clean voice, face from the recordings, cues."""

    voice_S: Floats
    face_TD: Floats
    cues: VoiceCues


def compose(
    clips: list[Clip], body: Body, features: LogMelFeatures, config: ConversationConfig, index: int
) -> Example:
    """Conversation number `index`."""
    rng = np.random.default_rng((config.seed, index))
    voices = {side: draw_voice(rng) for side in Side}
    lengths = {side: [_length(clip, voices[side]) for clip in clips] for side in Side}
    turns = draw_turns(rng, draw_scene(rng), config.frames, lengths)
    avatar, user = (
        _part(
            clips,
            body,
            [turn for turn in turns if turn.side is side],
            voice=voices[side],
            frames=config.frames,
        )
        for side in (Side.AVATAR, Side.USER)
    )
    seeds = rng.integers(0, 2**31, 2)
    user_acts = simulate(user.cues, avatar.cues, None, int(seeds[0]))
    acts = simulate(avatar.cues, user.cues, user_acts.behaviour_TK, int(seeds[1]))
    avatar_S, user_S = _recorded(
        [_with_hums(avatar.voice_S, acts, rng), _with_hums(user.voice_S, user_acts, rng)], rng
    )
    habit_D = _habit(body, rng)
    motion_TD = avatar.face_TD + body.motion(acts.behaviour_TK) + habit_D
    user_TD = user.face_TD + body.motion(user_acts.behaviour_TK) + _habit(body, rng)
    return Example(
        avatar_audio_TA=features(avatar_S)[0],
        user_audio_TA=features(user_S)[0],
        user_motion_TD=_tracked(user_TD, rng),
        motion_TD=motion_TD,
        references_RD=_references(body, motion_TD, habit_D, acts, rng),
        avatar_speech_T=avatar.cues.speech_T,
    )


def _length(clip: Clip, voice: Voice) -> int:
    return int((clip.frames - 1) / voice.speed) + 1


def _part(
    clips: list[Clip], body: Body, said: list[Utterance], *, voice: Voice, frames: int
) -> _Part:
    """One person's utterances in their places; the face is at rest (zero) between them."""
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
    return _Part(voice_S, face_TD, hear(voice_S))


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


def _references(
    body: Body, motion_TD: Floats, habit_D: Floats, acts: Performance, rng: np.random.Generator
) -> Floats:
    """Motions (R, D) of pictures of this person: at rest, smiling, mouth open, and any frame.

    The head of a picture is at its own rest, so that the pose is small.
    """
    amounts_RK = np.zeros((REFERENCES, acts.behaviour_TK.shape[1]), np.float32)
    amounts_RK[:, Channel.SMILE] = acts.person.resting_smile
    amounts_RK[:, Channel.BROW_RAISE] = acts.person.resting_brow
    amounts_RK[1:3, Channel.SMILE] += rng.uniform(0, 0.7, 2)
    amounts_RK[2, Channel.JAW_OPEN] = rng.uniform(0.1, 0.7)
    amounts_RK[:3, Channel.GAZE_X] = rng.normal(0, 0.12, 3)
    references_RD = body.motion(amounts_RK) + habit_D
    open_eyed = np.flatnonzero(acts.behaviour_TK[:, Channel.BLINK] < 0.1)
    references_RD[3] = motion_TD[rng.choice(open_eyed)]
    references_RD[:, :6] *= 0.25
    references: Floats = references_RD.astype(np.float32)
    return references
