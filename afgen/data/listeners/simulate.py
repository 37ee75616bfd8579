"""A person in conversation: both voices and the partner's behaviour in, behaviour out.

The link from partner to listener is causal and known exactly: frame t of the result depends on the
partner up to frame t only. Sources and ranges: docs/listeners.md.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from afgen.clock import seconds_at
from afgen.data.listeners.answers import Response, opportunities, perform, respond
from afgen.data.listeners.channels import HEAD, Channel, add_from, frames_of, still
from afgen.data.listeners.cues import VoiceCues, run_lengths
from afgen.data.listeners.dice import Dice, Kind
from afgen.data.listeners.gaze import look
from afgen.data.listeners.person import Person, draw_person
from afgen.data.listeners.shapes import delayed, drift, follow, swell
from afgen.data.listeners.speaking import speak, turn_begins
from afgen.signals import Flags, Floats

DRIFT_TIMES_S: Final = (0.6, 2.5, 10.0, 40.0)  # equal parts of these make noise of about 1/f
MIMICRY_TIME_S: Final = 0.5  # passes the 0.2-1.1 Hz at which partners' heads cohere (Hale 2019)
SMILE_SEEN: Final = 0.25  # a partner's smile above this is noticed


@dataclass(frozen=True, slots=True)
class Performance:
    """Behaviour (T, K) and the responses in it."""

    behaviour_TK: Floats
    responses: list[Response]
    person: Person


def simulate(
    own: VoiceCues, partner: VoiceCues, partner_TK: Floats | None, seed: int
) -> Performance:
    """How the person of this seed behaves while they speak with `own` and hear `partner`.

    own, partner: cues of T frames; partner_TK: the partner's behaviour (T, K), None if unseen.
    """
    dice = Dice(seed)
    person = draw_person(dice)
    out_TK = still(own.frames)
    responses = respond(person, opportunities(partner, partner_TK), own.speech_T, dice)
    perform(person, responses, out_TK, dice)
    _smile(person, own.speech_T, partner_TK, out_TK, dice)
    speak(person, own, out_TK, dice)
    look(person, own.speech_T, turn_begins(own), out_TK, dice)
    if partner_TK is not None:
        _mimic(person, partner_TK, out_TK)
    _attend(person, own, partner, out_TK)
    _idle(person, own.speech_T, out_TK, dice)
    return Performance(_bounded(out_TK), responses, person)


def _smile(
    person: Person, own_speech_T: Flags, partner_TK: Floats | None, out_TK: Floats, dice: Dice
) -> None:
    """Smiles of one's own accord, and mirrored ones 0.3-1.0 s after the partner's."""
    smile_T = out_TK[:, Channel.SMILE]
    frame = 0
    while True:
        rng = dice.at(Kind.SMILE, frame)
        frame += 1 + frames_of(rng.exponential(60 / person.smiles_per_minute))
        if frame >= len(smile_T):
            break
        course_T = swell(person.smile_onset_s, rng.uniform(0.8, 3.0), rng.uniform(0.6, 1.2))
        scale = 0.7 if own_speech_T[frame] else 1.0
        add_from(smile_T, frame, scale * rng.uniform(0.3, 0.9) * course_T)
    if partner_TK is not None:
        smile_T += _mirrored(person, partner_TK[:, Channel.SMILE], dice)


def _mirrored(person: Person, partner_T: Floats, dice: Dice) -> Floats:
    """The partner's smiles that are answered: each is, or is not, as a whole."""
    seen_T = partner_T > SMILE_SEEN
    onset_T = run_lengths(seen_T) == 1
    target_T = np.zeros_like(partner_T)
    answered = False
    for frame in np.flatnonzero(seen_T):
        if onset_T[frame]:
            chance = dice.at(Kind.MIRROR, int(frame)).random()
            answered = bool(chance < person.smile_mirror_chance)
        target_T[frame] = partner_T[frame] if answered else 0
    late_T = delayed(target_T, frames_of(person.smile_delay_s))
    return person.smile_mirror_gain * follow(late_T, person.smile_onset_s)


def _mimic(person: Person, partner_TK: Floats, out_TK: Floats) -> None:
    """A share of the partner's slow head motion, later: to the same side of the picture."""
    for channel in HEAD:
        slow_T = follow(partner_TK[:, channel], MIMICRY_TIME_S)
        out_TK[:, channel] += person.mimicry_gain * delayed(slow_T, frames_of(person.mimicry_lag_s))


def _attend(person: Person, own: VoiceCues, partner: VoiceCues, out_TK: Floats) -> None:
    """Leaning in and tilting the head while the partner speaks and oneself does not."""
    attending_T = follow((partner.speech_T & ~own.speech_T).astype(np.float32), 1.5)
    out_TK[:, Channel.LEAN] += person.lean_listening * attending_T
    out_TK[:, Channel.ROLL] += person.tilt_listening_deg * attending_T


def _idle(person: Person, own_speech_T: Flags, out_TK: Floats, dice: Dice) -> None:
    """Slow drift of about 1/f, livelier while speaking, and breathing."""
    frames = len(out_TK)
    lively_T = 1 + (person.liveliness - 1) * follow(own_speech_T.astype(np.float32), 0.8)
    scales = {Channel.PITCH: 0.8, Channel.YAW: 1.0, Channel.ROLL: 0.6}
    scales |= {Channel.LEAN: 0.008, Channel.SHIFT_X: 0.012, Channel.SHIFT_Y: 0.006}
    for channel, scale in scales.items():
        rng = dice.at(Kind.IDLE, int(channel))
        wander_T = drift(rng, frames, DRIFT_TIMES_S)
        out_TK[:, channel] += person.drift_deg * scale * wander_T * lively_T
    brow_T = drift(dice.at(Kind.IDLE, int(Channel.BROW_RAISE)), frames, (1.0, 6.0))
    out_TK[:, Channel.BROW_RAISE] += person.resting_brow + 0.05 * brow_T
    out_TK[:, Channel.SMILE] += person.resting_smile
    out_TK[:, Channel.LIP_PRESS] += 0.06 * np.maximum(0, brow_T - 1)
    phase = dice.at(Kind.BREATH).uniform(0, 2 * np.pi)
    turns_T = person.breath_hz * np.array([seconds_at(frame) for frame in range(frames)])
    breath_T = np.sin(2 * np.pi * turns_T + phase).astype(np.float32)
    out_TK[:, Channel.PITCH] += person.breath_deg * breath_T
    out_TK[:, Channel.SHIFT_Y] -= 0.004 * breath_T


def _bounded(out_TK: Floats) -> Floats:
    """Amounts of actions within what a face can do."""
    lows = {Channel.BLINK: 0.0, Channel.SMILE: 0.0, Channel.JAW_OPEN: 0.0, Channel.LIP_PRESS: 0.0}
    highs = {Channel.BLINK: 1.0, Channel.SMILE: 1.0, Channel.JAW_OPEN: 1.0, Channel.LIP_PRESS: 1.0}
    lows |= {Channel.GAZE_X: -1.0, Channel.GAZE_Y: -1.0, Channel.BROW_RAISE: -0.3}
    highs |= {Channel.GAZE_X: 1.0, Channel.GAZE_Y: 1.0, Channel.BROW_RAISE: 1.0}
    for channel, low in lows.items():
        out_TK[:, channel] = np.clip(out_TK[:, channel], low, highs[channel])
    return out_TK
