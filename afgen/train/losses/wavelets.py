"""Features of a picture without learned weights: a pyramid of oriented wavelets and their moduli.

What a perceptual loss needs of its features is that a small shift or a change of brightness moves
them little, and that a blurred edge, a missing tooth or a wrong texture moves them much. Wavelets
followed by a modulus and another layer of wavelets have the first property by construction (Bruna
& Mallat, "Invariant Scattering Convolution Networks", IEEE TPAMI 35, 2013), and products of their
responses describe textures (Portilla & Simoncelli, IJCV 40, 2000), which is what Gram terms use.
They know nothing of faces: trained features (`vgg.py`) are better where there are weights.

Shape letters: B rows, C channels, H and W pixels.
"""

import math
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the name everybody reads)

ORIENTATIONS: Final = 4
SMALLEST: Final = 8  # pixels of the coarsest level's side
_SIDE: Final = 7  # pixels of a kernel
_SPREAD: Final = 1.5  # pixels, of its Gaussian window
_WAVE: Final = 2.1  # radians a pixel along its direction: a wave of three pixels
_GAIN: Final = 4.0  # brings responses of faces to the order of one
_SMOOTH: Final = 1e-4  # under the root of a modulus: no kink at zero
_OPPONENTS: Final = (  # lightness, and red and blue against the rest
    (0.33, 0.34, 0.33),
    (0.50, -0.50, 0.00),
    (-0.25, -0.25, 0.50),
)


class WaveletFeatures(nn.Module):
    """Maps (B, C, H, W) of pictures (B, 3, H, W) in [-1, 1]; nothing in it learns.

    Each level of the pyramid gives a map of signed responses with their moduli, and one of the
    moduli's own wavelets at half the resolution.
    """

    kernels: Tensor
    opponents: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernels", _gabor_pairs(), persistent=False)
        self.register_buffer("opponents", torch.tensor(_OPPONENTS), persistent=False)

    def forward(self, image_BCHW: Tensor) -> tuple[Tensor, ...]:
        """All maps, finest first."""
        level = torch.einsum("oc,bchw->bohw", self.opponents, image_BCHW)
        maps: list[Tensor] = []
        while level.shape[-1] >= SMALLEST:
            signed, modulus = self._waves(level)
            maps.append(torch.cat((signed, modulus), 1))
            if level.shape[-1] >= 2 * SMALLEST:
                lightness = F.avg_pool2d(modulus[:, :ORIENTATIONS], 2)
                maps.append(self._waves(lightness)[1])
            level = F.avg_pool2d(level, 2)
        return tuple(maps)

    def _waves(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Even and odd responses (B, 8 C, H, W), and their moduli (B, 4 C, H, W)."""
        channels = x_BCHW.shape[1]
        padded = F.pad(x_BCHW, (_SIDE // 2,) * 4, mode="reflect")
        signed = F.conv2d(padded, self.kernels.repeat(channels, 1, 1, 1), groups=channels)
        pairs = signed.view(len(signed), channels, 2, ORIENTATIONS, *signed.shape[2:])
        modulus = (pairs.square().sum(2) + _SMOOTH).sqrt() - math.sqrt(_SMOOTH)
        return signed, modulus.flatten(1, 2)


def _gabor_pairs() -> Tensor:
    """Even kernels of all orientations, then odd ones, (8, 1, side, side); each sums to zero."""
    at = torch.arange(_SIDE) - (_SIDE - 1) / 2
    y, x = torch.meshgrid(at, at, indexing="ij")
    window = torch.exp(-(x.square() + y.square()) / (2 * _SPREAD**2))
    angles = [math.pi * number / ORIENTATIONS for number in range(ORIENTATIONS)]
    along = torch.stack([x * math.cos(angle) + y * math.sin(angle) for angle in angles])
    waves = torch.cat((torch.cos(_WAVE * along), torch.sin(_WAVE * along)))
    mean = (waves * window).sum((1, 2), keepdim=True) / window.sum()
    kernels = (waves - mean) * window
    return (_GAIN * kernels / kernels.abs().sum((1, 2), keepdim=True))[:, None]
