"""What the head and brows do with one's own voice, and just before it."""

from typing import Final

import numpy as np

from afgen.data.listeners.channels import Channel, add_from, frames_of
from afgen.data.listeners.cues import VoiceCues, loudest_so_far, run_lengths
from afgen.data.listeners.dice import Dice, Kind
from afgen.data.listeners.person import Person
from afgen.data.listeners.shapes import follow, swell
from afgen.signals import Flags, Floats

PREPARATION_S: Final = 0.2  # the mouth opens a little this long before the voice
NEW_TURN_S: Final = 0.6  # a rest at least this long makes what follows a new turn
STRESS_APART_S: Final = 0.32


def turn_begins(own: VoiceCues) -> Flags:
    """Frames at which the person makes ready to speak, 200 ms before the voice is heard.

    A person knows their own intention: this looks ahead in their own voice, never the partner's.
    """
    silent_T = run_lengths(~own.speech_T)
    starts = np.flatnonzero(own.speech_T[1:] & (silent_T[:-1] >= frames_of(NEW_TURN_S))) + 1
    begins_T = np.zeros(own.frames, np.bool_)
    begins_T[np.maximum(0, starts - frames_of(PREPARATION_S))] = True
    return begins_T


def speak(person: Person, own: VoiceCues, out_TK: Floats, dice: Dice) -> None:
    """Add head beats, raised brows, the pose of speaking and the breath before, in place."""
    for frame in stresses(own):
        rng = dice.at(Kind.TURN, int(frame))
        if rng.random() > person.beat_chance:
            continue
        course_T = swell(0.12, 0.04, rng.uniform(0.18, 0.4))
        amount = person.beat_deg * rng.lognormal(0, 0.3)
        add_from(out_TK[:, Channel.PITCH], int(frame), amount * course_T)
        add_from(out_TK[:, Channel.YAW], int(frame), amount * rng.normal(0, 0.45) * course_T)
        add_from(out_TK[:, Channel.ROLL], int(frame), amount * rng.normal(0, 0.25) * course_T)
        if rng.random() < 0.3:
            raise_T = person.brow_speaking * rng.uniform(0.5, 1.5) * swell(0.16, 0.1, 0.35)
            add_from(out_TK[:, Channel.BROW_RAISE], int(frame), raise_T)
    for frame in np.flatnonzero(turn_begins(own)):
        add_from(out_TK[:, Channel.JAW_OPEN], int(frame), 0.12 * swell(0.16, 0.04, 0.2))
    # Sustained effort lifts the chin: pitch and loudness go with a slow raise of the head.
    out_TK[:, Channel.PITCH] -= 1.2 * person.liveliness * follow(_effort(own), 0.5)


def stresses(own: VoiceCues) -> Floats:
    """Frames of stressed syllables: rises of loudness well above the voice's recent mean."""
    effort_T = _effort(own)
    rise_T = effort_T - follow(effort_T, 0.6)
    loud_T = (rise_T > 0.28) & own.speech_T
    found: list[int] = []
    for frame in np.flatnonzero(run_lengths(loud_T) == 1):
        if not found or frame - found[-1] >= frames_of(STRESS_APART_S):
            found.append(int(frame))
    return np.array(found, np.int64)


def _effort(own: VoiceCues) -> Floats:
    """Loudness (T,) from 0 in silence to about 1 in loud speech, relative to the loudest so far."""
    relative_T = np.clip(1 + (own.level_T - loudest_so_far(own.level_T)) / 30, 0, 1)
    effort_T: Floats = (relative_T * own.speech_T).astype(np.float32)
    return effort_T
