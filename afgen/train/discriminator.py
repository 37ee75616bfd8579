"""Those who judge drawn faces: the whole picture, both eyes, and the lips, each at two scales.

The residual discriminator of StyleGAN2 (Karras et al., CVPR 2020), whose blocks the encoder has
too; two scales as in Wang et al., "pix2pixHD", CVPR 2018.
Shape letters: B rows, C channels, H and W pixels, R regions.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the name everybody reads)

from afgen.autoencoder.lia.config import SMALLEST
from afgen.autoencoder.lia.encoder import Halving
from afgen.autoencoder.lia.equalised import ActivatedConv, EqualLinear
from afgen.data.faces import EYE_PAIR, LIPS
from afgen.train.losses.adversarial import r1_penalty
from afgen.train.losses.regions import close_ups

_GROUP: Final = 4  # rows compared with one another
_CLOSE_UP: Final = 2  # close-ups have this share of the picture's side
_SMOOTH: Final = 1e-8


@dataclass(frozen=True, slots=True)
class DiscriminatorConfig:
    """Widths of each of the six networks."""

    channels_times_pixels: int = 16384  # of a feature map's side; 512 px: 32 channels
    max_channels: int = 512

    def channels(self, resolution: int) -> int:
        """Channels of the feature maps of this side."""
        return min(self.max_channels, self.channels_times_pixels // resolution)


class Judge(nn.Module):
    """One network: pictures of `size` pixels to a verdict each."""

    def __init__(self, size: int, config: DiscriminatorConfig) -> None:
        super().__init__()
        sides = [size >> level for level in range((size // SMALLEST).bit_length())]
        widths = [config.channels(side) for side in sides]
        self.stem = ActivatedConv(3, widths[0], 1)
        self.blocks = nn.Sequential(*(Halving(fine, coarse) for fine, coarse in pairwise(widths)))
        self.last = ActivatedConv(widths[-1] + 1, widths[-1], 3)
        self.verdict = EqualLinear(widths[-1] * SMALLEST**2, 1)

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """Logits (B,)."""
        features = self.blocks(self.stem(image_BCHW))
        features = self.last(torch.cat((features, variety(features)), 1), padding=1)
        logits: Tensor = self.verdict(features.flatten(1))[:, 0]
        return logits


class TwoScales(nn.Module):
    """A judge of the picture and one of the picture at half the resolution."""

    def __init__(self, size: int, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.fine = Judge(size, config)
        self.coarse = Judge(size // 2, config)

    def forward(self, image_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B,) of both."""
        return self.fine(image_BCHW), self.coarse(F.avg_pool2d(image_BCHW, 2))


class Discriminator(nn.Module):
    """Judges of the face, of the eyes and of the lips."""

    def __init__(self, size: int, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.size = size
        self.face = TwoScales(size, config)
        self.eyes = TwoScales(size // _CLOSE_UP, config)
        self.lips = TwoScales(size // _CLOSE_UP, config)

    def forward(self, image_BCHW: Tensor, regions_BR4: Tensor) -> list[Tensor]:
        """Logits (B,) of all six, of pictures (B, 3, size, size) with these regions."""
        return self._verdicts(self.views(image_BCHW, regions_BR4))

    def views(self, image_BCHW: Tensor, regions_BR4: Tensor) -> list[Tensor]:
        """What is judged: the picture, and close-ups of eyes and lips."""
        side = self.size // _CLOSE_UP
        return [
            image_BCHW,
            close_ups(image_BCHW, regions_BR4[:, EYE_PAIR], side),
            close_ups(image_BCHW, regions_BR4[:, LIPS], side),
        ]

    def penalty(self, image_BCHW: Tensor, regions_BR4: Tensor) -> Tensor:
        """R1 at real pictures, each judge by its own view, mean over the six."""
        views = [view.detach().requires_grad_() for view in self.views(image_BCHW, regions_BR4)]
        penalties = [
            r1_penalty(verdicts, view)
            for judge, view in zip((self.face, self.eyes, self.lips), views, strict=True)
            for verdicts in judge(view)
        ]
        return torch.stack(penalties).mean()

    def _verdicts(self, views: list[Tensor]) -> list[Tensor]:
        judges = (self.face, self.eyes, self.lips)
        return [logits for judge, view in zip(judges, views, strict=True) for logits in judge(view)]


def variety(features_BCHW: Tensor) -> Tensor:
    """How much rows of a group differ, as one more map (B, 1, H, W): a drawer of one face is seen.

    Karras et al., "Progressive Growing of GANs", ICLR 2018, section 3. Rows that do not fill a
    group are compared all together.
    """
    rows, _, height, width = features_BCHW.shape
    group = _GROUP if rows % _GROUP == 0 else rows
    grouped = features_BCHW.view(group, rows // group, -1)
    deviation: Tensor = (grouped.var(0, unbiased=False) + _SMOOTH).sqrt().mean(1)
    return deviation.repeat(group).view(rows, 1, 1, 1).expand(-1, 1, height, width)
