"""The decoder as it runs on a CPU: two convolutions a level, and one pass after each.

Kernels of the modulated convolutions stay as they are for all frames: a style scales the pictures
before and after, where they are written anyway. Constants are folded into weights and biases once.
Frames are drawn one after the other, a fine level in strips: batches win nothing on a CPU.
Shape letters: B rows, C channels, H and W pixels, D of the style; P as in `kernels.py`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the name everybody reads)

from afgen.autoencoder.lia.bands import STRIP, Bands, empty, last, strips
from afgen.autoencoder.lia.config import SMALLEST
from afgen.autoencoder.lia.decoder import Decoder, Doubling
from afgen.autoencoder.lia.equalised import GAIN, SLOPE
from afgen.autoencoder.lia.kernels import draw, smooth
from afgen.autoencoder.lia.modulated import EPSILON, ModulatedConv, ModulatedPoint


class _Conv(NamedTuple):
    """A modulated convolution: its kernel, the kernel's power (C', C), gain times bias."""

    weight: Tensor
    power: Tensor
    bias_C: Tensor

    def demodulation(self, scales_BC: Tensor) -> Tensor:
        """Gain over the norm of each output channel's kernel, (B, C')."""
        return torch.rsqrt(F.linear(scales_BC.square(), self.power) + EPSILON) * GAIN


class _Level(NamedTuple):
    up: _Conv
    conv: _Conv
    flow_3C: Tensor
    offsets_9: Tensor
    picture_3C: Tensor


class _Styles(NamedTuple):
    """What scales the channels before each convolution of a level, (B, C) each."""

    up: Tensor
    conv: Tensor
    flow: Tensor


class _Drawn(NamedTuple):
    """Features of a level, scaled for the next one, (B, C, H, W); flow and picture (B, H, W, P)."""

    features: Tensor
    picture: Tensor


class FoldedDecoder:
    """Same results as `Decoder`, to rounding; float32 on a CPU, without gradients."""

    def __init__(self, decoder: Decoder, bands: Bands, strip: int = STRIP) -> None:
        self._bands = bands
        self._strip = strip
        self._constant = decoder.constant[None].contiguous(memory_format=torch.channels_last)
        self._first = _folded(decoder.first)
        levels: list[Doubling] = list(decoder.levels)  # type: ignore[arg-type]
        self._levels = [_folded_level(level) for level in levels]
        parts = [decoder.first, *(part for level in levels for part in _modulated(level))]
        self._widths = [part.modulation.weight.shape[0] for part in parts]
        self._weight = torch.cat(
            [p.modulation.weight * (p.modulation.scale * p.scale) for p in parts]
        )
        self._bias = torch.cat([p.modulation.bias * p.scale for p in parts])

    def __call__(
        self, style_BD: Tensor, features: Sequence[Tensor], shares: Sequence[Tensor]
    ) -> Tensor:
        """Pictures (B, 3, H, W), each as it is alone; the source's maps are one row or B."""
        rows = [
            self._row(
                style_BD[row : row + 1],
                [feature[row % len(feature)][None] for feature in features],
                [share[row % len(share)][None] for share in shares],
            )
            for row in range(len(style_BD))
        ]
        return torch.cat(rows)

    def shares(self, features: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """A source's feature maps through the picture layers, (B, 3, H, W) each."""
        return tuple(
            F.conv2d(feature, level.picture_3C[:, :, None, None]).contiguous(
                memory_format=torch.channels_last
            )
            for level, feature in zip(self._levels, features, strict=True)
        )

    def _row(
        self, style_1D: Tensor, features: Sequence[Tensor], shares: Sequence[Tensor]
    ) -> Tensor:
        """One picture (1, 3, H, W)."""
        scales = F.linear(style_1D, self._weight, self._bias)  # of all convolutions at once
        first, *rest = torch.split(scales, self._widths, dim=1)
        styles = [_Styles(*rest[at : at + 3]) for at in range(0, len(rest), 3)]
        following = [*(style.up for style in styles[1:]), None]
        drawn = self._begun(first, styles[0].up)
        for at, level in enumerate(self._levels):
            drawn = self._level(level, drawn, styles[at], features[at], shares[at], following[at])
        return drawn.picture[..., 3:].permute(0, 3, 1, 2)

    def _begun(self, scales_BC: Tensor, next_BC: Tensor) -> _Drawn:
        """The constant after its convolution, and neither flow nor picture."""
        raw = F.conv2d(self._constant * scales_BC[:, :, None, None], self._first.weight, padding=1)
        demodulated = raw * self._first.demodulation(scales_BC)[:, :, None, None]
        out = F.leaky_relu_(demodulated + self._first.bias_C.view(1, -1, 1, 1), SLOPE)
        empty = torch.zeros(len(scales_BC), SMALLEST, SMALLEST, 6)
        return _Drawn(out * next_BC[:, :, None, None], empty)

    def _level(
        self,
        level: _Level,
        before: _Drawn,
        style: _Styles,
        features_SCHW: Tensor,
        shares_S3HW: Tensor,
        next_BC: Tensor | None,
    ) -> _Drawn:
        """One level; without a next one, only its picture and flow."""
        x_BCHW = self._upsampled(level, before.features, style)
        rows, channels, height, width = x_BCHW.shape
        out = empty(0 if next_BC is None else rows, channels, height, width)
        picture = np.empty((rows, height, width, 6), np.float32)
        scale_BC = level.conv.demodulation(style.conv).numpy()
        flow_B3C = (level.flow_3C * style.flow[:, None]).numpy()
        for top, bottom in strips(x_BCHW, self._strip):
            above = max(top - 1, 0)  # a convolution sees one row more
            raw = F.conv2d(x_BCHW[:, :, above : bottom + 1], level.conv.weight, padding=1)
            raw = raw[:, :, top - above : bottom - above]
            self._bands.run(
                draw,
                raw,
                last(raw),
                scale_BC,
                level.conv.bias_C.numpy(),
                flow_B3C,
                before.picture.numpy(),
                level.offsets_9.numpy(),
                last(features_SCHW),
                last(shares_S3HW),
                (style.conv if next_BC is None else next_BC).numpy(),
                last(out),
                picture,
                top,
            )
        return _Drawn(out, torch.from_numpy(picture))

    def _upsampled(self, level: _Level, x_BCHW: Tensor, style: _Styles) -> Tensor:
        """Twice the resolution, scaled for the second convolution."""
        rows, _, height, width = x_BCHW.shape
        out = empty(rows, len(level.up.bias_C), 2 * height, 2 * width)
        scale_BC = level.up.demodulation(style.up).numpy()
        for top, bottom in strips(out, self._strip):
            above = max(top // 2 - 1, 0)  # the filter sees two rows more, of one before doubling
            raw = F.conv_transpose2d(
                x_BCHW[:, :, above : bottom // 2 + 1], level.up.weight, stride=2
            )
            part = out[:, :, top:bottom]
            self._bands.run(
                smooth,
                part,
                last(raw),
                last(part),
                scale_BC,
                level.up.bias_C.numpy(),
                style.conv.numpy(),
                top - 2 * above,
            )
        return out


def _modulated(level: Doubling) -> tuple[ModulatedConv | ModulatedPoint, ...]:
    return level.up, level.conv, level.to_flow


def _folded(conv: ModulatedConv) -> _Conv:
    weight = conv.weight.transpose(0, 1) if conv.blur is not None else conv.weight
    return _Conv(
        weight.contiguous(memory_format=torch.channels_last),
        conv.weight.square().sum((2, 3)),
        conv.bias * GAIN,
    )


def _folded_level(level: Doubling) -> _Level:
    picture = level.to_picture
    offsets = torch.cat((level.to_flow.bias, picture.bias * GAIN, picture.offset))
    weight = (picture.weight * (picture.scale * GAIN)).flatten(1)
    flow = level.to_flow.weight.clone()
    return _Level(_folded(level.up), _folded(level.conv), flow, offsets, weight)
