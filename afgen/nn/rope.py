"""Rotary position embedding (Su et al. 2021, RoFormer), for positions of any size and sign.

Only differences of positions matter to attention, so a stream counts from the block it is in and
never runs out of a table. Shape letters: B rows, H heads, T frames, d channels of a head.
"""

import torch
from torch import Tensor


def rotary(position_T: Tensor, head_dim: int, theta: float = 1e4) -> Tensor:
    """Unit complex numbers (T, d / 2): turn j of position p is exp(i p theta^(-2j/d))."""
    exponent = torch.arange(0, head_dim, 2, device=position_T.device) / head_dim
    angle = position_T[:, None].to(torch.float32) * theta**-exponent
    return torch.polar(torch.ones_like(angle), angle)


def rotate(x_BHTd: Tensor, turns: Tensor) -> Tensor:
    """Each neighbouring pair of channels turned by its frame's angle; same shape and type."""
    pairs = torch.view_as_complex(x_BHTd.float().reshape(*x_BHTd.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * turns).flatten(-2).type_as(x_BHTd)
