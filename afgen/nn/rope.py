"""Rotary position embedding (Su et al. 2021, RoFormer), for positions of any size and sign.

Only differences of positions matter to attention, so a stream counts from the block it is in and
never runs out of a table. Shape letters: T frames, H heads, d channels of a head.
"""

import torch
from torch import Tensor


def rotary(position_T: Tensor, head_dim: int, theta: float = 1e4) -> Tensor:
    """Unit complex numbers (T, 1, d / 2): number j of position p is exp(i p theta^(-2j/d))."""
    exponent = torch.arange(0, head_dim, 2, device=position_T.device) / head_dim
    angle = position_T[:, None, None].to(torch.float32) * theta**-exponent
    return torch.polar(torch.ones_like(angle), angle)


def rotate(x_THd: Tensor, turns: Tensor) -> Tensor:
    """Each neighbouring pair of channels turned by its frame's angle; same shape and type.

    `x_THd` may have any number of leading dimensions.
    """
    pairs = torch.view_as_complex(x_THd.float().reshape(*x_THd.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * turns).flatten(-2).type_as(x_THd)
