"""Random decisions that do not depend on each other's order.

Each decision has a generator of its own, seeded by (seed, kind of decision, frame). So a change of
the partner's future, or of another kind of behaviour, moves no decision made elsewhere.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np


class Kind(IntEnum):
    """Families of decisions; each has its own random stream."""

    PERSON = 0
    IDLE = 1
    GAZE = 2
    BLINK = 3
    RESPONSE = 4
    SMILE = 5
    MIRROR = 6
    BEAT = 7
    TURN = 8
    BREATH = 9


@dataclass(frozen=True, slots=True)
class Dice:
    """Generators by kind of decision and frame."""

    seed: int

    def at(self, kind: Kind, frame: int = 0) -> np.random.Generator:
        """The generator of one decision."""
        return np.random.default_rng((self.seed, int(kind), frame))
