"""Which of a family's motion numbers are expression and which are head pose."""

from dataclasses import dataclass
from typing import Final

from afgen.autoencoder.mesh import motion
from afgen.signals import Floats


@dataclass(frozen=True, slots=True)
class MotionSpace:
    """The two parts that the field reports apart; `parts` gives them in the order of its tables."""

    dim: int
    expression: slice
    pose: slice

    @property
    def parts(self) -> dict[str, slice]:
        """Columns by the name of the part."""
        return {"exp": self.expression, "pose": self.pose}

    def cut(self, motion_TD: Floats, part: str) -> Floats:
        """The columns (T, d) of one part."""
        columns_Td: Floats = motion_TD[:, self.parts[part]]
        return columns_Td


MESH: Final = MotionSpace(motion.MOTION_DIM, motion.EXPRESSION, motion.POSE)
"""Of the face mesh. Latents of the paper's autoencoder mix both, so they have no such space."""
