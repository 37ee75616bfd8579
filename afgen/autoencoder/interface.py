"""What every motion autoencoder offers: identity once, motion from a face, pictures from motion.

A picture of a person is z = z_S + m: who it is (identity) plus what the face does (motion), paper
section 4.1. The generator only ever sees m.
"""

from collections.abc import Iterator
from typing import Protocol, TypeVar

from afgen.signals import FaceView, Floats, Image, Portrait

IdentityT = TypeVar("IdentityT")
StateT = TypeVar("StateT")


class MotionAutoencoder(Protocol[IdentityT, StateT]):
    """Encoder and decoder of one family. Holds weights and constants, never a stream's state."""

    @property
    def motion_dim(self) -> int:
        """D, the numbers of motion a frame."""
        ...

    def identify(self, portrait: Portrait) -> IdentityT:
        """Everything about the portrait that does not move.

        Raises NoFaceError, SeveralFacesError, FaceTooSmallError or FaceTurnedAwayError.
        """
        ...

    def reference_motion(self, identity: IdentityT) -> Floats:
        """m_S of the portrait itself, shape (D,)."""
        ...

    def encode(self, view: FaceView, state: StateT | None) -> tuple[Floats, StateT]:
        """Motion (D,) of a tracked face, from this frame and the past only (`state`)."""
        ...

    def restyle(
        self,
        identity: IdentityT,
        motion_TD: Floats,
        *,
        head: float,
        expression: float,
        blink: float,
    ) -> Floats:
        """The motion with head motion, expression and blinks scaled; 1 leaves it as it is.

        Raises OptionError where a family cannot tell them apart.
        """
        ...

    def decode(self, identity: IdentityT, motion_TD: Floats) -> Iterator[Image]:
        """One square crop picture (size, size, 3) per row of motion."""
        ...

    def paste(self, identity: IdentityT, crop_HWC: Image) -> Image:
        """The crop put back into the full portrait at its own resolution."""
        ...
