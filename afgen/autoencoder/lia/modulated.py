"""Convolutions whose kernel is scaled by a style: channel by channel, before and after.

Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020, section 2.2,
equations 1 to 3. Scaling the kernel's inputs is scaling the picture's channels, and dividing by
the norm of a scaled kernel is dividing its output channel, so rows of a batch share one kernel:
no kernel is copied for each.

Shape letters: B rows, C channels, H and W pixels, D of the style.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the name everybody reads)

from afgen.autoencoder.lia.blur import Blur
from afgen.autoencoder.lia.equalised import EqualLinear, activate

EPSILON: Final = 1e-8


class ModulatedConv(nn.Module):
    """3 x 3 convolution with modulated, demodulated kernel, bias and leaky ReLU.

    With `upsample` the picture doubles: transposed convolution of stride 2, then the filter.
    """

    def __init__(self, inputs: int, outputs: int, style: int, *, upsample: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.scale = (inputs * 9) ** -0.5
        self.modulation = EqualLinear(style, inputs, bias=1.0)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.blur = Blur(padding=1, gain=2.0) if upsample else None

    def forward(self, x_BCHW: Tensor, style_BD: Tensor) -> Tensor:
        """(B, C', H, W), or (B, C', 2 H, 2 W) with `upsample`."""
        scales_BC = self.modulation(style_BD) * self.scale
        x_BCHW = x_BCHW * scales_BC[:, :, None, None]
        if self.blur is None:
            out = F.conv2d(x_BCHW, self.weight, padding=1)
        else:
            out = self.blur(F.conv_transpose2d(x_BCHW, self.weight.transpose(0, 1), stride=2))
        return activate(out * self.demodulation(scales_BC)[:, :, None, None], self.bias)

    def demodulation(self, scales_BC: Tensor) -> Tensor:
        """One over the norm of each output channel's scaled kernel, (B, C')."""
        power = self.weight.square().sum((2, 3))
        return torch.rsqrt(F.linear(scales_BC.square(), power) + EPSILON)


class ModulatedPoint(nn.Module):
    """1 x 1 convolution with modulated kernel (no demodulation) and a bias, to few channels."""

    def __init__(self, inputs: int, outputs: int, style: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.scale = inputs**-0.5
        self.modulation = EqualLinear(style, inputs, bias=1.0)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x_BCHW: Tensor, style_BD: Tensor) -> Tensor:
        """(B, C', H, W)."""
        scales_BC = self.modulation(style_BD) * self.scale
        kernels = self.weight * scales_BC[:, None]  # a few numbers a row: cheaper than the picture
        return torch.einsum("boc,bchw->bohw", kernels, x_BCHW) + self.bias.view(1, -1, 1, 1)
