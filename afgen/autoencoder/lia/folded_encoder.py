"""The encoder as it runs on a CPU: constants folded into the weights, filters in one pass.

Scales and gains of positive numbers pass through a leaky ReLU, so those of the equalised layers,
of the activations and of the residual sum become part of the weights, once.
Shape letters: B rows, C channels, H and W pixels, D latent.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the name everybody reads)

from afgen.autoencoder.lia.bands import STRIP, Bands, empty, last, strips
from afgen.autoencoder.lia.encoder import Encoded, Encoder, Halving
from afgen.autoencoder.lia.equalised import GAIN, SLOPE, ActivatedConv
from afgen.autoencoder.lia.kernels import halve


class _Block(NamedTuple):
    conv1: Tensor
    bias1_C: Tensor
    conv2: Tensor
    bias2_C: Tensor
    skip: Tensor  # (C, C')


class FoldedEncoder:
    """Same results as `Encoder`, to rounding; float32 on a CPU, without gradients."""

    def __init__(self, encoder: Encoder, bands: Bands, strip: int = STRIP) -> None:
        self._bands = bands
        self._strip = strip
        self._stem, self._stem_bias = _folded(encoder.stem, GAIN)
        self._blocks = [_folded_block(block) for block in encoder.blocks]  # type: ignore[arg-type]
        self._head = (encoder.head.weight * encoder.head.scale).flatten(1)

    def __call__(self, image_BCHW: Tensor) -> Encoded:
        """Latent and feature maps of pictures in [-1, 1], of each as it is alone."""
        alone = [self._one(image_BCHW[row : row + 1]) for row in range(len(image_BCHW))]
        if len(alone) == 1:
            return alone[0]
        latents, features = zip(*alone, strict=True)
        together = tuple(torch.cat(maps) for maps in zip(*features, strict=True))
        return Encoded(torch.cat(latents), together)

    def _one(self, image_1CHW: Tensor) -> Encoded:
        image_1CHW = image_1CHW.contiguous(memory_format=torch.channels_last)
        stem = F.conv2d(image_1CHW, self._stem, self._stem_bias)
        maps = [F.leaky_relu_(stem, SLOPE)]
        for block in self._blocks:
            maps.append(self._halved(block, maps[-1]))
        latent = F.linear(maps[-1].flatten(1), self._head)
        return Encoded(latent, tuple(maps[-2::-1]))

    def _halved(self, block: _Block, x_1CHW: Tensor) -> Tensor:
        smooth = self._smoothed(block, x_1CHW)
        out = F.leaky_relu_(F.conv2d(smooth, block.conv2, block.bias2_C, stride=2), SLOPE)
        _, channels, height, width = x_1CHW.shape
        skipped = empty(1, channels, height // 2, width // 2)
        nothing = np.zeros((width, channels), np.float32)
        x, y = last(x_1CHW), last(skipped)
        self._bands.run(halve, skipped, x, y, nothing, 1.0, 2, -1)
        rows_NC = out.permute(0, 2, 3, 1).flatten(0, 2)
        rows_NC.addmm_(skipped.permute(0, 2, 3, 1).flatten(0, 2), block.skip)
        return out

    def _smoothed(self, block: _Block, x_1CHW: Tensor) -> Tensor:
        """The first convolution, activated and filtered: one pixel larger both ways."""
        _, channels, height, width = x_1CHW.shape
        out = empty(1, channels, height + 1, width + 1)
        bias = block.bias1_C.repeat(width, 1).numpy()
        for top, bottom in strips(out, self._strip):
            first, end = max(top - 2, 0), min(bottom + 1, height)  # of what the filter sees
            above = max(first - 1, 0)  # and the convolution one row more
            fine = F.conv2d(x_1CHW[:, :, above : end + 1], block.conv1, padding=1)
            fine, part = fine[:, :, first - above : end - above], out[:, :, top:bottom]
            lead = top - 2 - first
            self._bands.run(halve, part, last(fine), last(part), bias, SLOPE, 1, lead)
        return out


def _folded(conv: ActivatedConv, gain: float) -> tuple[Tensor, Tensor]:
    weight = conv.weight * (conv.scale * gain)
    return weight.contiguous(memory_format=torch.channels_last), conv.bias * gain


def _folded_block(block: Halving) -> _Block:
    conv1, bias1 = _folded(block.conv1, GAIN)
    conv2, bias2 = _folded(block.conv2, GAIN * 2**-0.5)
    skip = (block.skip.weight * (block.skip.scale * 2**-0.5)).flatten(1)
    return _Block(conv1, bias1, conv2, bias2, skip.T.contiguous())
