"""How one person behaves in conversation: habits drawn once and kept for the whole of it.

The ranges come from the literature where a figure could be found there. docs/listeners.md lists
each one with its source and says which of them were checked in the source and which were not.
"""

from dataclasses import dataclass

import numpy as np

from afgen.data.listeners.dice import Dice, Kind


@dataclass(frozen=True, slots=True)
class Form:
    """Shares of the forms a listener's answer takes; they add up to one."""

    nod: float
    nod_with_voice: float
    smile: float
    brow_raise: float
    slow_blink: float


@dataclass(frozen=True, slots=True)
class Person:
    """Habits of one person. Seconds, degrees, amounts of an action, or shares of time."""

    responsiveness: float  # chance that an opportunity for a backchannel is taken
    response_delay_s: float  # from the cue's detection to the start of the answer
    form: Form
    nod_amplitude_deg: float  # of the first cycle
    nod_rate_hz: float
    nod_decay: float  # amplitude of each cycle relative to the one before
    nod_mean_cycles: float
    blinks_per_minute: float
    gaze_listening: float  # share of time the eyes rest on the partner
    gaze_speaking: float
    gaze_spell_s: float  # mean time away from the partner
    smiles_per_minute: float  # without an outer cause
    smile_mirror_chance: float
    smile_mirror_gain: float
    smile_delay_s: float
    smile_onset_s: float
    mimicry_gain: float  # of the partner's slow head motion
    mimicry_lag_s: float
    drift_deg: float  # deviation of the idle head
    breath_hz: float
    breath_deg: float
    lean_listening: float  # log of apparent size gained while listening
    tilt_listening_deg: float
    beat_deg: float  # head beat on a stressed syllable
    beat_chance: float
    liveliness: float  # factor on idle motion while speaking
    brow_speaking: float  # raise on a strong stress
    resting_smile: float
    resting_brow: float


def _draw_form(rng: np.random.Generator) -> Form:
    """Listeners differ in form too (Blomsma et al. 2024): shares scatter around a common mean."""
    return Form(*(float(x) for x in rng.dirichlet(np.array([9.0, 2.4, 1.4, 1.2, 1.2]))))


def draw_person(dice: Dice) -> Person:
    """One person's habits, the same for the same dice."""
    rng = dice.at(Kind.PERSON)

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    return Person(
        responsiveness=between(0.4, 0.9),
        response_delay_s=between(0.35, 0.75),
        form=_draw_form(rng),
        nod_amplitude_deg=float(np.clip(rng.lognormal(np.log(4.5), 0.35), 2.0, 9.0)),
        nod_rate_hz=between(1.7, 3.2),
        nod_decay=between(0.55, 0.85),
        nod_mean_cycles=between(1.6, 3.0),
        blinks_per_minute=between(9.0, 18.0),
        gaze_listening=between(0.68, 0.86),
        gaze_speaking=between(0.40, 0.65),
        gaze_spell_s=between(0.7, 2.0),
        smiles_per_minute=between(0.4, 2.2),
        smile_mirror_chance=between(0.7, 1.0),
        smile_mirror_gain=between(0.5, 0.95),
        smile_delay_s=between(0.3, 1.0),
        smile_onset_s=between(0.4, 0.8),
        mimicry_gain=between(0.1, 0.35),
        mimicry_lag_s=between(0.4, 0.8),
        drift_deg=between(0.6, 1.6),
        breath_hz=between(0.2, 0.3),
        breath_deg=between(0.1, 0.4),
        lean_listening=between(0.0, 0.03),
        tilt_listening_deg=between(-3.0, 3.0),
        beat_deg=between(1.2, 4.0),
        beat_chance=between(0.35, 0.8),
        liveliness=between(1.4, 2.4),
        brow_speaking=between(0.1, 0.45),
        resting_smile=max(0.0, between(-0.1, 0.25)),
        resting_brow=between(-0.08, 0.12),
    )
