"""Layers with an equalised learning rate: stored weights of unit variance, scaled when used.

Karras et al., "Progressive Growing of GANs", ICLR 2018, section 4.1, as in StyleGAN2.
Shape letters: B rows, C channels, H and W pixels.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the name everybody reads)

SLOPE: Final = 0.2
GAIN: Final = 2**0.5  # keeps the variance through the leaky ReLU


def activate(x_BCHW: Tensor, bias_C: Tensor) -> Tensor:
    """Bias and leaky ReLU with gain."""
    return F.leaky_relu(x_BCHW + bias_C.view(1, -1, 1, 1), SLOPE) * GAIN


class EqualConv(nn.Module):
    """Convolution without a bias."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.scale = (inputs * kernel**2) ** -0.5

    def forward(self, x_BCHW: Tensor, *, stride: int = 1, padding: int = 0) -> Tensor:
        """(B, C', H', W')."""
        return F.conv2d(x_BCHW, self.weight * self.scale, stride=stride, padding=padding)


class ActivatedConv(EqualConv):
    """Convolution, bias, leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__(inputs, outputs, kernel)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x_BCHW: Tensor, *, stride: int = 1, padding: int = 0) -> Tensor:
        """(B, C', H', W')."""
        return activate(super().forward(x_BCHW, stride=stride, padding=padding), self.bias)


class EqualLinear(nn.Module):
    """Linear layer with a bias, without an activation."""

    def __init__(self, inputs: int, outputs: int, *, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.full((outputs,), bias))
        self.scale = inputs**-0.5

    def forward(self, x_BC: Tensor) -> Tensor:
        """(B, C')."""
        return F.linear(x_BC, self.weight * self.scale, self.bias)
