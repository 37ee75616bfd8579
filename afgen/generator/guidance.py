"""Classifier-free guidance with one row for each side of the conversation (paper equation 14).

    v = v0 + a (v_audio - v0) + u (v_user - v0)

Shape letters: R recordings, G guidance rows of each, F frames fed, D motion.
"""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from afgen.generator.solver import Velocity


class GuidanceRow(NamedTuple):
    """One evaluation of the model: its weight in the sum, and the conditions it may see.

    `keeps` are avatar audio, user audio, user motion (1 or 0). The reference is always kept.
    """

    weight: float
    keeps: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Guidance:
    """Strengths: `avatar_audio` is a, `user` is u."""

    avatar_audio: float = 2.0
    user: float = 1.0

    def changed(self, avatar_audio: float | None, user: float | None) -> "Guidance":
        """With other strengths where they are given."""
        return Guidance(
            self.avatar_audio if avatar_audio is None else avatar_audio,
            self.user if user is None else user,
        )

    def rows(self) -> tuple[GuidanceRow, ...]:
        """The rows whose weight is not zero; a strength of zero costs nothing."""
        rows = (
            GuidanceRow(1.0 - self.avatar_audio - self.user, (0, 0, 0)),
            GuidanceRow(self.avatar_audio, (1, 0, 0)),
            GuidanceRow(self.user, (0, 1, 1)),
        )
        return tuple(row for row in rows if row.weight)


PAPER_GUIDANCE = Guidance()


def guided(velocity: Velocity, weight_G: Tensor) -> Velocity:
    """The sum of `velocity` over the guidance rows, weighted.

    `velocity` takes (R x G, F, D), the guidance rows of a recording side by side; the result takes
    and gives (R, F, D).
    """

    def combined(x_RFD: Tensor, told: Tensor) -> Tensor:
        velocity_BFD = velocity(x_RFD.repeat_interleave(len(weight_G), dim=0), told)
        velocity_RGFD = velocity_BFD.view(len(x_RFD), len(weight_G), *x_RFD.shape[1:])
        return (velocity_RGFD * weight_G[:, None, None]).sum(dim=1)

    return combined
