"""From a picture to its latent, its motion's coefficients and its feature maps.

The residual network of StyleGAN2's discriminator (Karras et al., CVPR 2020, appendix B), as in
LIA and FLOAT. Shape letters: B rows, C channels, H and W pixels, D latent, K coefficients.
"""

from itertools import pairwise
from typing import NamedTuple

from torch import Tensor, nn

from afgen.autoencoder.lia.blur import Blur
from afgen.autoencoder.lia.config import SMALLEST, LiaConfig
from afgen.autoencoder.lia.equalised import ActivatedConv, EqualConv, EqualLinear

_MOTION_LAYERS = 5  # linear all of them, so together they are one matrix with a bias


class Encoded(NamedTuple):
    """latent_BD, and the feature maps (B, C, H, W) of 8, 16, ... size pixels."""

    latent_BD: Tensor
    features: tuple[Tensor, ...]


class Halving(nn.Module):
    """Residual block to half the resolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = ActivatedConv(inputs, inputs, 3)
        self.blur = Blur(padding=2)
        self.conv2 = ActivatedConv(inputs, outputs, 3)
        self.skip_blur = Blur(padding=1, stride=2)  # only the pixels that the skip goes on with
        self.skip = EqualConv(inputs, outputs, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C', H / 2, W / 2)."""
        fine = self.conv1(x_BCHW, padding=1)
        coarse = self.conv2(self.blur(fine), stride=2)
        out: Tensor = (coarse + self.skip(self.skip_blur(x_BCHW))) * 2**-0.5
        return out


class Encoder(nn.Module):
    """Appearance network, and the motion head behind it."""

    def __init__(self, config: LiaConfig) -> None:
        super().__init__()
        finest_first = config.resolutions[::-1]
        widths = [config.channels(resolution) for resolution in finest_first]
        self.stem = ActivatedConv(3, widths[0], 1)
        self.blocks = nn.ModuleList(Halving(fine, coarse) for fine, coarse in pairwise(widths))
        self.head = EqualConv(widths[-1], config.latent_dim, SMALLEST)
        dims = [config.latent_dim] * _MOTION_LAYERS + [config.directions]
        self.to_motion = nn.Sequential(
            *(EqualLinear(inputs, out) for inputs, out in pairwise(dims))
        )

    def forward(self, image_BCHW: Tensor) -> Encoded:
        """Latent and feature maps of pictures in [-1, 1]."""
        maps = [self.stem(image_BCHW)]
        for block in self.blocks:
            maps.append(block(maps[-1]))
        return Encoded(self.head(maps[-1]).flatten(1), tuple(maps[-2::-1]))

    def coefficients(self, latent_BD: Tensor) -> Tensor:
        """Coefficients (B, K) of the motion in a latent."""
        out: Tensor = self.to_motion(latent_BD)
        return out
