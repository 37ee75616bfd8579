"""From a latent and a source's feature maps to a picture.

A StyleGAN2 generator that, at each resolution from 8 pixels up, warps the source's features and
blends them in (LIA, section 3.3). The picture is read from the warped features alone and grows
through skips. Noise is not injected, as in the public networks' use.
Shape letters: B rows, C channels, H and W pixels, D of the style.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from afgen.autoencoder.lia.blur import double
from afgen.autoencoder.lia.config import SMALLEST, LiaConfig
from afgen.autoencoder.lia.equalised import ActivatedConv
from afgen.autoencoder.lia.modulated import ModulatedConv, ModulatedPoint
from afgen.autoencoder.lia.warp import fetch, place


class Drawn(NamedTuple):
    """What a level hands to the next: features (B, C, H, W), raw flow and picture (B, 3, H, W)."""

    features: Tensor
    flow: Tensor | None
    picture: Tensor | None


class ToPicture(ActivatedConv):
    """Warped features to their share of the picture."""

    def __init__(self, inputs: int) -> None:
        super().__init__(inputs, 3, 1)
        self.offset = nn.Parameter(torch.zeros(3))

    def share(self, warped_BCHW: Tensor) -> Tensor:
        """(B, 3, H, W)."""
        activated: Tensor = self(warped_BCHW)
        return activated + self.offset.view(1, 3, 1, 1)


class Doubling(nn.Module):
    """One level: twice the resolution, flow and mask, warp, blend, share of the picture."""

    def __init__(self, inputs: int, outputs: int, style: int) -> None:
        super().__init__()
        self.up = ModulatedConv(inputs, outputs, style, upsample=True)
        self.conv = ModulatedConv(outputs, outputs, style)
        self.to_flow = ModulatedPoint(outputs, 3, style)
        self.to_picture = ToPicture(outputs)

    def forward(self, before: Drawn, source_BCHW: Tensor, style_BD: Tensor) -> Drawn:
        """The next level's features, raw flow and picture."""
        own = self.conv(self.up(before.features, style_BD), style_BD)
        flow = _added(self.to_flow(own, style_BD), before.flow)
        # Coordinates need more than the 8 bits of a half-precision number.
        grid, mask = place(flow.float())
        mask = mask.to(own.dtype)
        warped = fetch(source_BCHW.float(), grid).to(own.dtype) * mask
        picture = _added(self.to_picture.share(warped), before.picture)
        return Drawn(warped + own * (1 - mask), flow, picture)


def _added(own: Tensor, coarser: Tensor | None) -> Tensor:
    return own if coarser is None else own + double(coarser)


class Decoder(nn.Module):
    """A constant, one convolution at 4 pixels, then the levels."""

    def __init__(self, config: LiaConfig) -> None:
        super().__init__()
        widths = [config.channels(resolution) for resolution in config.resolutions]
        self.constant = nn.Parameter(torch.randn(widths[0], SMALLEST, SMALLEST))
        self.first = ModulatedConv(widths[0], widths[0], config.latent_dim)
        self.levels = nn.ModuleList(
            Doubling(coarse, fine, config.latent_dim) for coarse, fine in pairwise(widths)
        )

    def forward(self, style_BD: Tensor, features: Sequence[Tensor]) -> Tensor:
        """Pictures (B, 3, H, W), about [-1, 1] and not clamped; the features are one row or B."""
        rows = self.constant.expand(len(style_BD), -1, -1, -1)
        drawn = Drawn(self.first(rows, style_BD), None, None)
        for level, source in zip(self.levels, features, strict=True):
            drawn = level(drawn, source, style_BD)
        assert drawn.picture is not None  # the smallest configuration has levels
        return drawn.picture
