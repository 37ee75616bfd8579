"""The decoder as it runs on a CPU: two convolutions a level, and one pass after each.

Kernels of the modulated convolutions stay as they are for all frames: a style scales the pictures
before and after, where they are written anyway. Constants are folded into weights and biases once.
Coarse levels take all frames together, because there the weights are what is read; fine levels one
frame after the other, because there the maps are.
Shape letters: B rows, C channels, H and W pixels, D of the style; P as in `kernels.py`.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the name everybody reads)

from afgen.autoencoder.lia.bands import Bands, empty, last
from afgen.autoencoder.lia.config import SMALLEST
from afgen.autoencoder.lia.decoder import Decoder, Doubling
from afgen.autoencoder.lia.equalised import GAIN, SLOPE
from afgen.autoencoder.lia.kernels import draw, smooth
from afgen.autoencoder.lia.modulated import EPSILON, ModulatedConv, ModulatedPoint

_TOGETHER: Final = 32  # pixels of the finest level that takes all frames together


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

    def row(self, index: int) -> "_Styles":
        return _Styles(*(scales[index : index + 1] for scales in self))


class _Drawn(NamedTuple):
    """Features of a level, scaled for the next one, (B, C, H, W); flow and picture (B, H, W, P)."""

    features: Tensor
    picture: Tensor


class FoldedDecoder:
    """Same results as `Decoder`, to rounding; float32 on a CPU, without gradients."""

    def __init__(self, decoder: Decoder, bands: Bands) -> None:
        self._bands = bands
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
        """Pictures (B, 3, H, W); the source's maps are one row or B."""
        scales = F.linear(style_BD, self._weight, self._bias)
        first, *rest = (part.contiguous() for part in torch.split(scales, self._widths, dim=1))
        styles = [_Styles(*rest[at : at + 3]) for at in range(0, len(rest), 3)]
        drawn = self._begun(first, styles[0].up)
        together = sum(feature.shape[2] <= _TOGETHER for feature in features)
        drawn = self._through(0, together, drawn, styles, features, shares)
        rows = [
            self._through(
                together,
                len(self._levels),
                _Drawn(drawn.features[row : row + 1], drawn.picture[row : row + 1]),
                [style.row(row) for style in styles],
                [feature[row % len(feature)][None] for feature in features],
                [share[row % len(share)][None] for share in shares],
            ).picture[..., 3:]
            for row in range(len(style_BD))
        ]
        return torch.cat(rows).permute(0, 3, 1, 2)

    def shares(self, features: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """A source's feature maps through the picture layers, (B, 3, H, W) each."""
        return tuple(
            F.conv2d(feature, level.picture_3C[:, :, None, None]).contiguous(
                memory_format=torch.channels_last
            )
            for level, feature in zip(self._levels, features, strict=True)
        )

    def _begun(self, scales_BC: Tensor, next_BC: Tensor) -> _Drawn:
        """The constant after its convolution, and neither flow nor picture."""
        raw = F.conv2d(self._constant * scales_BC[:, :, None, None], self._first.weight, padding=1)
        demodulated = raw * self._first.demodulation(scales_BC)[:, :, None, None]
        out = F.leaky_relu_(demodulated + self._first.bias_C.view(1, -1, 1, 1), SLOPE)
        empty = torch.zeros(len(scales_BC), SMALLEST, SMALLEST, 6)
        return _Drawn(out * next_BC[:, :, None, None], empty)

    def _through(
        self,
        start: int,
        end: int,
        drawn: _Drawn,
        styles: list[_Styles],
        features: Sequence[Tensor],
        shares: Sequence[Tensor],
    ) -> _Drawn:
        for at in range(start, end):
            following = styles[at + 1].up if at + 1 < len(styles) else None
            drawn = self._level(
                self._levels[at], drawn, styles[at], features[at], shares[at], following
            )
        return drawn

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
        raw = F.conv2d(self._upsampled(level, before.features, style), level.conv.weight, padding=1)
        rows, channels, height, width = raw.shape
        flow_B3C = level.flow_3C * style.flow[:, None]
        goes_on = next_BC is not None
        out = empty(rows if goes_on else 0, channels, height, width)
        picture = np.empty((rows, height, width, 6), np.float32)
        self._bands.run(
            draw,
            raw,
            last(raw),
            level.conv.demodulation(style.conv).numpy(),
            level.conv.bias_C.numpy(),
            flow_B3C.numpy(),
            before.picture.numpy(),
            level.offsets_9.numpy(),
            last(features_SCHW),
            last(shares_S3HW),
            (style.up if next_BC is None else next_BC).numpy(),
            last(out),
            picture,
        )
        return _Drawn(out, torch.from_numpy(picture))

    def _upsampled(self, level: _Level, x_BCHW: Tensor, style: _Styles) -> Tensor:
        """Twice the resolution, scaled for the second convolution."""
        raw = F.conv_transpose2d(x_BCHW, level.up.weight, stride=2)
        rows, channels, height, width = raw.shape
        out = empty(rows, channels, height - 1, width - 1)
        self._bands.run(
            smooth,
            out,
            last(raw),
            last(out),
            level.up.demodulation(style.up).numpy(),
            level.up.bias_C.numpy(),
            style.conv.numpy(),
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
