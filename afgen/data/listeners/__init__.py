"""Simulated people in conversation: a documented, seeded, causal model of listening.

There is almost no openly licensed footage of listening, so the generator learns it from these.
docs/listeners.md names the source of every figure.
"""

from afgen.data.listeners.answers import Answer, Cue, Opportunity, Response, opportunities
from afgen.data.listeners.channels import CHANNELS, Channel, still
from afgen.data.listeners.cues import VoiceCues, hear
from afgen.data.listeners.dice import Dice
from afgen.data.listeners.person import Person, draw_person
from afgen.data.listeners.simulate import Performance, simulate

__all__ = [
    "CHANNELS",
    "Answer",
    "Channel",
    "Cue",
    "Dice",
    "Opportunity",
    "Performance",
    "Person",
    "Response",
    "VoiceCues",
    "draw_person",
    "hear",
    "opportunities",
    "simulate",
    "still",
]
