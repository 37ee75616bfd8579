"""Adaptive layer norm (Peebles & Xie 2023, DiT): a vector per frame shifts, scales and gates.

Shape letters: B rows, T frames, C channels, E channels of the conditioning vector.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the name everybody reads)


def sinusoids(value: Tensor, channels: int, max_period: float = 1e4) -> Tensor:
    """cos then sin of `value` at geometrically spaced frequencies; (...,) -> (..., channels)."""
    half = channels // 2
    exponent = torch.arange(half, device=value.device, dtype=torch.float32) / half
    angle = value[..., None].float() * torch.exp(-math.log(max_period) * exponent)
    return torch.cat((angle.cos(), angle.sin()), dim=-1)


class TimeEmbedding(nn.Module):
    """Flow time to a conditioning vector: sinusoids, then two linear layers."""

    def __init__(self, width: int, frequencies: int = 256, scale: float = 1000.0) -> None:
        super().__init__()
        self.frequencies = frequencies
        self.scale = scale
        self.fc1 = nn.Linear(frequencies, width)
        self.fc2 = nn.Linear(width, width)

    def forward(self, time: Tensor) -> Tensor:
        """(...,) in 0..1 -> (..., width)."""
        waves = sinusoids(time * self.scale, self.frequencies)
        return self.fc2(F.silu(self.fc1(waves)))  # type: ignore[no-any-return]


class Modulation(nn.Module):
    """A conditioning vector to `parts` vectors of `width`; all zero at the start of training."""

    def __init__(self, width: int, parts: int) -> None:
        super().__init__()
        self.parts = parts
        self.linear = nn.Linear(width, parts * width)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, condition: Tensor) -> Tensor:
        """(..., width) -> (..., parts x width), to be cut into its parts along the last axis."""
        return self.linear(F.silu(condition))  # type: ignore[no-any-return]


def modulate(x_BTC: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """LayerNorm without its own affine part, then (1 + scale) x + shift."""
    return torch.addcmul(shift, F.layer_norm(x_BTC, x_BTC.shape[-1:], eps=1e-6), 1 + scale)
