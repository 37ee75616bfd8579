"""Blocks that flow into each other: takes out the step between one block and the next.

Blocks are drawn one after another, so a small error that all frames of a block share shows as a
jerk of the head every 0.4 s. The step is measured against where the motion was heading and faded
out over the first frames of the new block; what is left of the frame-to-frame noise is smoothed
where speed does not matter, in the head's pose. It looks at no later block.

Shape letters: R recordings, F new frames, D motion.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Continuity:
    """How much is evened out.

    seam_frames  frames over which the step at the start of a block fades; 0 leaves it
    smooth_dims  leading dimensions of motion that are smoothed by (1, 2, 1) / 4; 0 for none
    """

    seam_frames: int = 0
    smooth_dims: int = 0


AS_DRAWN = Continuity()


def continued(
    motion_RFD: Tensor, last_R2D: Tensor, going_R: Tensor, continuity: Continuity
) -> Tensor:
    """The new frames, joined to the last two before them; same shape.

    Rows where `going_R` is false begin here and have nothing to be joined to.
    """
    if continuity.seam_frames:
        motion_RFD = _faded(motion_RFD, last_R2D, going_R, continuity.seam_frames)
    if continuity.smooth_dims:
        head = slice(0, continuity.smooth_dims)
        smooth = _smoothed(motion_RFD[..., head], last_R2D[:, 1, head], going_R)
        motion_RFD = torch.cat((smooth, motion_RFD[..., continuity.smooth_dims :]), dim=-1)
    return motion_RFD


def _faded(motion_RFD: Tensor, last_R2D: Tensor, going_R: Tensor, frames: int) -> Tensor:
    """The step is the first frame's distance from the last one moved on at the mean speed."""
    before, last = last_R2D.unbind(1)
    speed_RD = ((last - before) + (motion_RFD[:, 1] - motion_RFD[:, 0])) / 2
    step_RD = (last + speed_RD - motion_RFD[:, 0]) * going_R[:, None]
    place_F = torch.arange(motion_RFD.shape[1], device=motion_RFD.device)
    weight_F = torch.cos(place_F.clamp(max=frames) * (torch.pi / 2 / frames)).square()
    return motion_RFD + weight_F[:, None] * step_RD[:, None]


def _smoothed(motion_RFD: Tensor, last_RD: Tensor, going_R: Tensor) -> Tensor:
    """Beyond the ends, motion is taken to go on as straight as it comes; so the ends stay."""
    straight_RD = 2 * motion_RFD[:, 0] - motion_RFD[:, 1]
    before = torch.where(going_R[:, None], last_RD, straight_RD)[:, None]
    after = (2 * motion_RFD[:, -1] - motion_RFD[:, -2])[:, None]
    padded = torch.cat((before, motion_RFD, after), dim=1)
    return (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / 4
