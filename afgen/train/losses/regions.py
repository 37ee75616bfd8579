"""Eyes and lips of a picture: soft masks that weigh them, and close-ups that are looked at.

Boxes are left, top, right, bottom in shares of the picture's side. Shape letters: B rows, C
channels, H and W pixels, R regions.
"""

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the name everybody reads)

ROOM: Final = 0.3  # of a box's longer side, around it: what moves when an eye or a mouth does
SOFTNESS: Final = 0.15  # of a box's half side: over this much a mask fades
LEAST: Final = 0.02  # of the picture, a box's side


def masks_of(boxes_BR4: Tensor, size: int) -> Tensor:
    """Where any of the boxes is, (B, 1, size, size): 1 inside of its ellipse, fading to 0."""
    centre_BR2, half_BR2 = _centre_and_half(boxes_BR4)
    at_H = (torch.arange(size, device=boxes_BR4.device, dtype=boxes_BR4.dtype) + 0.5) / size
    x_BRW = (at_H - centre_BR2[..., :1]) / half_BR2[..., :1]
    y_BRH = (at_H - centre_BR2[..., 1:]) / half_BR2[..., 1:]
    radius_BRHW = (x_BRW.square()[:, :, None] + y_BRH.square()[..., None]).sqrt()
    inside_BRHW = ((1 - radius_BRHW) / SOFTNESS).clamp(0, 1)
    return inside_BRHW.amax(1, keepdim=True)


def close_ups(image_BCHW: Tensor, boxes_B4: Tensor, side: int) -> Tensor:
    """The square around a box with its room, (B, C, side, side); beyond the picture its border."""
    centre_B2, half_B2 = _centre_and_half(boxes_B4)
    half_B1 = half_B2.amax(1, keepdim=True)
    at_S = (torch.arange(side, device=boxes_B4.device, dtype=boxes_B4.dtype) + 0.5) / side * 2 - 1
    x_BS = centre_B2[:, :1] + half_B1 * at_S
    y_BS = centre_B2[:, 1:] + half_B1 * at_S
    grid_BSS2 = torch.stack(
        (x_BS[:, None].expand(-1, side, -1), y_BS[:, :, None].expand(-1, -1, side)), dim=-1
    )
    return F.grid_sample(image_BCHW, grid_BSS2 * 2 - 1, padding_mode="border", align_corners=False)


def _centre_and_half(boxes_X4: Tensor) -> tuple[Tensor, Tensor]:
    low, high = boxes_X4[..., :2], boxes_X4[..., 2:]
    half = (high - low).clamp(min=LEAST) / 2
    return (low + high) / 2, half + 2 * ROOM * half.amax(-1, keepdim=True)
