"""The low-pass filter [1, 3, 3, 1] around every change of resolution, one axis after the other.

Zhang, "Making Convolutional Networks Shift-Invariant Again", ICML 2019, as in StyleGAN2.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the name everybody reads)

TAPS: Final = (1.0, 3.0, 3.0, 1.0)


class Blur(nn.Module):
    """Separable filtering of every channel, with zeros beyond the border.

    `gain` is the sum of the taps of one axis: 1 keeps brightness, 2 makes up for the zeros that an
    upsampling put between pixels.
    """

    taps: Tensor

    def __init__(self, *, padding: int, stride: int = 1, gain: float = 1.0) -> None:
        super().__init__()
        self.padding, self.stride = padding, stride
        taps = torch.tensor(TAPS) * (gain / sum(TAPS))
        self.register_buffer("taps", taps, persistent=False)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H', W'), with H' = (H + 2 padding - 4) // stride + 1."""
        channels = x_BCHW.shape[1]
        weight = self.taps.expand(channels, 1, 4)
        stride, padding = self.stride, self.padding
        down = F.conv2d(
            x_BCHW, weight[..., None], stride=(stride, 1), padding=(padding, 0), groups=channels
        )
        return F.conv2d(
            down, weight[..., None, :], stride=(1, stride), padding=(0, padding), groups=channels
        )


def double(x_BCHW: Tensor) -> Tensor:
    """Twice the resolution: zeros put between the pixels, then the filter with gain 2.

    Its two phases weigh neighbours 1:3 and 3:1, so it is bilinear interpolation with zeros beyond
    the border.
    """
    padded = F.pad(x_BCHW, (1, 1, 1, 1))
    wide = F.interpolate(padded, scale_factor=2.0, mode="bilinear", align_corners=False)
    return wide[..., 2:-2, 2:-2]
