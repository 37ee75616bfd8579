"""The encoder as it runs on a CPU: constants folded into the weights, filters in one pass.

Scales and gains of positive numbers pass through a leaky ReLU, so those of the equalised layers,
of the activations and of the residual sum become part of the weights, once.
Shape letters: B rows, C channels, H and W pixels, D latent.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the name everybody reads)

from afgen.autoencoder.lia.bands import Bands, empty, last
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

    def __init__(self, encoder: Encoder, bands: Bands) -> None:
        self._bands = bands
        self._stem, self._stem_bias = _folded(encoder.stem, GAIN)
        self._blocks = [_folded_block(block) for block in encoder.blocks]  # type: ignore[arg-type]
        self._head = (encoder.head.weight * encoder.head.scale).flatten(1)

    def __call__(self, image_BCHW: Tensor) -> Encoded:
        """Latent and feature maps of pictures in [-1, 1]."""
        image_BCHW = image_BCHW.contiguous(memory_format=torch.channels_last)
        stem = F.conv2d(image_BCHW, self._stem, self._stem_bias)
        maps = [F.leaky_relu_(stem, SLOPE)]
        for block in self._blocks:
            maps.append(self._halved(block, maps[-1]))
        latent = F.linear(maps[-1].flatten(1), self._head)
        return Encoded(latent, tuple(maps[-2::-1]))

    def _halved(self, block: _Block, x_BCHW: Tensor) -> Tensor:
        fine = F.conv2d(x_BCHW, block.conv1, padding=1)
        smooth = self._filtered(fine, block.bias1_C, SLOPE, stride=1)
        out = F.leaky_relu_(F.conv2d(smooth, block.conv2, block.bias2_C, stride=2), SLOPE)
        skipped = self._filtered(x_BCHW, torch.zeros(x_BCHW.shape[1]), 1.0, stride=2)
        rows_NC = out.permute(0, 2, 3, 1).flatten(0, 2)
        rows_NC.addmm_(skipped.permute(0, 2, 3, 1).flatten(0, 2), block.skip)
        return out

    def _filtered(self, x_BCHW: Tensor, bias_C: Tensor, slope: float, *, stride: int) -> Tensor:
        rows, channels, height, width = x_BCHW.shape
        more = 2 - stride
        out = empty(rows, channels, height // stride + more, width // stride + more)
        bias = bias_C.repeat(width, 1).numpy()
        self._bands.run(halve, out, last(x_BCHW), last(out), bias, slope, stride)
        return out


def _folded(conv: ActivatedConv, gain: float) -> tuple[Tensor, Tensor]:
    weight = conv.weight * (conv.scale * gain)
    return weight.contiguous(memory_format=torch.channels_last), conv.bias * gain


def _folded_block(block: Halving) -> _Block:
    conv1, bias1 = _folded(block.conv1, GAIN)
    conv2, bias2 = _folded(block.conv2, GAIN * 2**-0.5)
    skip = (block.skip.weight * (block.skip.scale * 2**-0.5)).flatten(1)
    return _Block(conv1, bias1, conv2, bias2, skip.T.contiguous())
