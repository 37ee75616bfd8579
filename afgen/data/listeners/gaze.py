"""Where a person looks: spells at the partner and away, and blinks.

Shares of time by role after Argyle & Ingham 1972 and Kendon 1967; blinks after Bentivoglio 1997.
"""

from typing import Final

import numpy as np

from afgen.clock import FRAME_RATE_HZ
from afgen.data.listeners.channels import Channel, add_from, frames_of
from afgen.data.listeners.dice import Dice, Kind
from afgen.data.listeners.person import Person
from afgen.data.listeners.shapes import blink, follow
from afgen.signals import Flags, Floats

SACCADE_S: Final = 0.06  # the eyes arrive within two frames
HEAD_SHARE_DEG: Final = 5.0  # the head goes along by this much at full deflection of the eyes
BLINK_REFRACTORY_S: Final = 0.5
BLINK_WITH_SHIFT: Final = 0.25  # chance of a blink when the gaze moves far
LOOK_AWAY_BEFORE_TURN: Final = 0.6  # Kendon 1967: speakers look away as they begin


def look(person: Person, own_speech_T: Flags, begins_T: Flags, out_TK: Floats, dice: Dice) -> None:
    """Add gaze, the head's part in it and blinks to the behaviour, in place.

    `begins_T` marks the frames at which the person decides to take a turn, just before speaking.
    """
    target_T2, shifts_T = _targets(person, own_speech_T, begins_T, dice)
    for axis, (eye, head) in enumerate(
        ((Channel.GAZE_X, Channel.YAW), (Channel.GAZE_Y, Channel.PITCH))
    ):
        out_TK[:, eye] += follow(target_T2[:, axis], SACCADE_S)
        out_TK[:, head] += follow(target_T2[:, axis], 0.5) * HEAD_SHARE_DEG
    _blink(person, own_speech_T, shifts_T, out_TK, dice)


def _targets(
    person: Person, own_speech_T: Flags, begins_T: Flags, dice: Dice
) -> tuple[Floats, Flags]:
    """Direction looked at (T, 2) and the frames at which it jumps far."""
    frames = len(own_speech_T)
    target_T2 = np.zeros((frames, 2), np.float32)
    shifts_T = np.zeros(frames, np.bool_)
    away, until = False, frames_of(_spell_s(person, False, False, dice.at(Kind.GAZE)))
    target: Floats = np.zeros(2, np.float32)
    for frame in range(frames):
        rng = dice.at(Kind.GAZE, frame + 1) if frame >= until or begins_T[frame] else None
        if rng is not None:
            leaves = begins_T[frame] and rng.random() < LOOK_AWAY_BEFORE_TURN
            away = True if leaves else (not away if frame >= until else away)
            until = frame + frames_of(_spell_s(person, away, bool(own_speech_T[frame]), rng))
            moved = _direction(rng) if away else rng.normal(0, 0.04, 2).astype(np.float32)
            shifts_T[frame] = float(np.abs(moved - target).max()) > 0.3
            target = moved
        target_T2[frame] = target
    return target_T2, shifts_T


def _spell_s(person: Person, away: bool, speaking: bool, rng: np.random.Generator) -> float:
    """Length of a spell such that the share of time at the partner is the person's."""
    away_s = person.gaze_spell_s * (1.2 if speaking else 1.0)
    share = person.gaze_speaking if speaking else person.gaze_listening
    mean_s = away_s if away else away_s * share / (1 - share)
    return float(np.clip(rng.gamma(2.5, mean_s / 2.5), 0.3, 15))


def _direction(rng: np.random.Generator) -> Floats:
    """Somewhere beside the partner, more to the side and down than up."""
    side = rng.choice((-1.0, 1.0)) * rng.uniform(0.25, 0.9)
    return np.array([side, rng.normal(0.1, 0.25)], np.float32)


def _blink(
    person: Person, own_speech_T: Flags, shifts_T: Flags, out_TK: Floats, dice: Dice
) -> None:
    """Short blinks of about 0.2 s (Hoemke et al. 2018): at gamma intervals and with gaze shifts."""
    lids_T = out_TK[:, Channel.BLINK]
    due = _interval(person, dice.at(Kind.BLINK), False)
    free_from = 0
    for frame in range(len(lids_T)):
        shifted = shifts_T[frame] and frame >= free_from
        with_shift = shifted and dice.at(Kind.BLINK, frame + 1).random() < BLINK_WITH_SHIFT
        if (frame < due and not with_shift) or lids_T[frame] > 0:
            continue
        rng = dice.at(Kind.BLINK, -1 - frame & 0xFFFFFFFF)
        full = rng.uniform(0.85, 1.0)
        add_from(lids_T, frame, full * blink(rng.uniform(0.05, 0.08), 0.04, rng.uniform(0.1, 0.16)))
        free_from = frame + frames_of(BLINK_REFRACTORY_S)
        due = free_from + _interval(person, rng, bool(own_speech_T[frame]))


def _interval(person: Person, rng: np.random.Generator, speaking: bool) -> int:
    """Frames to the next blink after the refractory time; a little more often while speaking."""
    rate = person.blinks_per_minute * (1.1 if speaking else 0.9)
    mean_s = max(0.5, 60 / rate - BLINK_REFRACTORY_S)
    return max(1, round(rng.gamma(1.6, mean_s / 1.6) * FRAME_RATE_HZ))
