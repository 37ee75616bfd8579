"""When a listener answers, and how: opportunities for backchannels and the responses to them.

An opportunity at frame t is found from the partner's voice and face up to frame t. The answer
starts after the person's delay, so the future of the partner never reaches back.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np

from afgen.clock import FRAME_RATE_HZ
from afgen.data.listeners.channels import Channel, add_from, frames_of
from afgen.data.listeners.cues import VoiceCues, low_pitch, run_lengths
from afgen.data.listeners.dice import Dice, Kind
from afgen.data.listeners.person import Person
from afgen.data.listeners.shapes import blink, follow, nod, swell
from afgen.signals import Flags, Floats

SPEECH_BEFORE_S: Final = 0.7  # the partner has to have spoken this long (Ward & Tsukahara 2000)
REFRACTORY_S: Final = 0.8  # no answer within this time of the last one (same)
PAUSE_S: Final = 0.24  # a rest this long in the partner's speech is an opportunity too
PARTNER_NOD_DEG: Final = 2.5  # quick downward motion of the partner's head that invites a nod


class Cue(Enum):
    """What the partner did."""

    LOW_PITCH = "low_pitch"
    PAUSE = "pause"
    NOD = "nod"


class Answer(Enum):
    """What the listener did."""

    NOD = "nod"
    NOD_WITH_VOICE = "nod_with_voice"
    SMILE = "smile"
    BROW_RAISE = "brow_raise"
    SLOW_BLINK = "slow_blink"


@dataclass(frozen=True, slots=True)
class Opportunity:
    """A moment at which the partner invites an answer."""

    frame: int
    cue: Cue


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, the frame it starts at and the frame of the cue it answers."""

    frame: int
    cue_frame: int
    cue: Cue
    answer: Answer


def opportunities(partner: VoiceCues, partner_TK: Floats | None) -> list[Opportunity]:
    """Moments that invite an answer, in order of time."""
    spoken_T = _speech_so_far(partner.speech_T) >= frames_of(SPEECH_BEFORE_S)
    silence_T = run_lengths(~partner.speech_T)
    found = dict.fromkeys(np.flatnonzero(low_pitch(partner) & spoken_T), Cue.LOW_PITCH)
    pause_T = (silence_T == frames_of(PAUSE_S)) & spoken_T
    found |= dict.fromkeys(np.flatnonzero(pause_T), Cue.PAUSE)
    if partner_TK is not None:
        found |= dict.fromkeys(np.flatnonzero(_nod_onsets(partner_TK)), Cue.NOD)
    return [Opportunity(int(frame), found[frame]) for frame in sorted(found)]


def _speech_so_far(speech_T: Flags) -> Floats:
    """Frames of speech in the current utterance; rests under half a second do not end it."""
    rest = FRAME_RATE_HZ // 2
    total_T = np.zeros(len(speech_T), np.float32)
    spoken = silent = 0
    for frame, speaking in enumerate(speech_T):
        silent = 0 if speaking else silent + 1
        spoken = spoken + 1 if speaking else (0 if silent > rest else spoken)
        total_T[frame] = spoken
    return total_T


def _nod_onsets(partner_TK: Floats) -> Flags:
    """Frames at which the partner's chin has just gone down quickly."""
    pitch_T = partner_TK[:, Channel.PITCH]
    fast_T = pitch_T - follow(pitch_T, 1.0, start=float(pitch_T[0]))
    onset: Flags = run_lengths(fast_T > PARTNER_NOD_DEG) == 1
    return onset


def respond(
    person: Person, invitations: list[Opportunity], own_speech_T: Flags, dice: Dice
) -> list[Response]:
    """Which opportunities are taken, when and in which form."""
    taken: list[Response] = []
    free_from = 0
    for invitation in invitations:
        rng = dice.at(Kind.RESPONSE, invitation.frame)
        willing = rng.random() < person.responsiveness * (0.5 if invitation.cue is Cue.NOD else 1)
        delay_s = max(0.2, rng.normal(person.response_delay_s, 0.08))
        form = rng.choice(5, p=_shares(person))
        frame = invitation.frame + frames_of(delay_s)
        if not willing or frame < free_from or frame >= len(own_speech_T) or own_speech_T[frame]:
            continue
        taken.append(Response(frame, invitation.frame, invitation.cue, tuple(Answer)[form]))
        free_from = frame + frames_of(REFRACTORY_S)
    return taken


def _shares(person: Person) -> list[float]:
    form = person.form
    shares = [form.nod, form.nod_with_voice, form.smile, form.brow_raise, form.slow_blink]
    return [share / sum(shares) for share in shares]


def perform(person: Person, responses: list[Response], out_TK: Floats, dice: Dice) -> None:
    """Add the movements of all responses to the behaviour, in place."""
    for response in responses:
        rng = dice.at(Kind.BEAT, response.cue_frame)
        if response.answer in (Answer.NOD, Answer.NOD_WITH_VOICE):
            add_from(out_TK[:, Channel.PITCH], response.frame, _nod(person, rng))
        elif response.answer is Answer.SMILE:
            smile_T = rng.uniform(0.3, 0.7) * swell(person.smile_onset_s, rng.uniform(0.8, 2), 0.8)
            add_from(out_TK[:, Channel.SMILE], response.frame, smile_T)
            add_from(out_TK[:, Channel.PITCH], response.frame, 0.5 * _nod(person, rng))
        elif response.answer is Answer.BROW_RAISE:
            raise_T = rng.uniform(0.4, 0.9) * swell(0.2, rng.uniform(0.2, 0.6), 0.3)
            add_from(out_TK[:, Channel.BROW_RAISE], response.frame, raise_T)
        else:
            # A long blink, about 0.6 s, tells the speaker "understood" (Hoemke et al. 2018).
            lids_T = blink(0.12, 0.28, 0.2)
            add_from(out_TK[:, Channel.BLINK], response.frame, lids_T)
            add_from(out_TK[:, Channel.PITCH], response.frame, 0.4 * _nod(person, rng))


def _nod(person: Person, rng: np.random.Generator) -> Floats:
    cycles = int(np.clip(rng.geometric(1 / person.nod_mean_cycles), 1, 6))
    amplitude = person.nod_amplitude_deg * rng.lognormal(0, 0.25)
    rate_hz = person.nod_rate_hz * rng.uniform(0.85, 1.15)
    return nod(amplitude, rate_hz, cycles, person.nod_decay)
