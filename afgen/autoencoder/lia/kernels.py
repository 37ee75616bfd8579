"""What lies between two convolutions, in one pass over memory each, on pictures with channels last.

Convolutions are left to torch. Everything else in the network moves more bytes than it computes,
so what is chained there is one loop here: a filtering with the activation before or after it; a
level's flow, mask, warp, blend and share of the picture. Kernels work on rows `start` to `end` of
all pictures of a batch, counted on; they are tested against the plain layers.

Shape letters: B pictures, S sources (1 or B), H and W pixels, C channels. F is flow x, flow y and
mask, all raw; P is F and the picture's red, green and blue.
"""

import math
from collections.abc import Callable
from typing import Final, cast

import numpy as np

from afgen.autoencoder.compiled import inlined, kernel
from afgen.signals import Floats

# In compiled code it converts to a single-precision number; to a type checker that is a float.
f32: Final = cast("Callable[[float], float]", np.float32)
_EDGE: Final = f32(1 / 8)  # the filter's outer and inner weights
_INNER: Final = f32(3 / 8)
_SLOPE: Final = f32(0.2)
_NEAR: Final = f32(0.75)  # weights of doubling: the pixel's own parent and the next one
_FAR: Final = f32(0.25)
_FLAT: Final = f32(40)  # beyond it a sigmoid no longer changes


@inlined
def _leaky(value: float, slope: float) -> float:  # pragma: no cover - compiled
    return max(value, slope * value)


@inlined
def _across(line: Floats, at: int, channels: int) -> float:  # pragma: no cover - compiled
    """The filter along a line of pixels, from number `at` on."""
    outer: float = line[at] + line[at + 3 * channels]
    inner: float = line[at + channels] + line[at + 2 * channels]
    return _EDGE * outer + _INNER * inner


@kernel
def halve(
    x_BHWC: Floats,
    out_BHWC: Floats,
    bias_WC: Floats,
    slope: float,
    stride: int,
    lead: int,
    start: int,
    end: int,
) -> None:  # pragma: no cover - compiled
    """Bias and leaky ReLU (a slope of 1: none), then the filter with zeros beyond the border.

    The padding of a line is what `out` and `stride` make of it: 2 for one pixel more, 1 for half.
    `x` and `out` may be some rows of a picture: `lead` is the rows of `x` before the first one that
    `out` is made of, negative for zeros. `bias` is the same for each pixel of a line.
    """
    height, width, channels = x_BHWC.shape[1:]
    rows, columns = out_BHWC.shape[1:3]
    pad, leak = (stride * (columns - 1) + 4 - width) // 2, f32(slope)
    flat = x_BHWC.reshape(len(x_BHWC), height, width * channels)
    line, bias = np.zeros((width + 2 * pad) * channels, np.float32), bias_WC.reshape(-1)
    for row in range(start, end):
        picture, y = row // rows, stride * (row % rows) + lead
        w0, w1 = _EDGE if y >= 0 else f32(0), _INNER if y >= -1 else f32(0)
        w2, w3 = _INNER if y + 2 < height else f32(0), _EDGE if y + 3 < height else f32(0)
        r0, r1 = flat[picture, max(y, 0)], flat[picture, max(y + 1, 0)]
        r2, r3 = flat[picture, min(y + 2, height - 1)], flat[picture, min(y + 3, height - 1)]
        for i in range(width * channels):
            outer = w0 * _leaky(r0[i] + bias[i], leak) + w3 * _leaky(r3[i] + bias[i], leak)
            inner = w1 * _leaky(r1[i] + bias[i], leak) + w2 * _leaky(r2[i] + bias[i], leak)
            line[pad * channels + i] = outer + inner
        for x in range(columns):
            target = out_BHWC[picture, row % rows, x]
            for c in range(channels):
                target[c] = _across(line, stride * x * channels + c, channels)


@kernel
def smooth(
    x_BHWC: Floats,
    out_BHWC: Floats,
    scale_BC: Floats,
    bias_C: Floats,
    next_BC: Floats,
    lead: int,
    start: int,
    end: int,
) -> None:  # pragma: no cover - compiled
    """The filter of gain 2 after a transposed convolution, then leaky(scale * x + bias) * next.

    `x` is one pixel larger both ways than a whole picture; `out` may be some rows of one. `lead`
    is the rows of `x` before those of `out`; beyond the ends of `x` are zeros.
    """
    height, width, channels = x_BHWC.shape[1:]
    rows, columns = out_BHWC.shape[1:3]
    flat = x_BHWC.reshape(len(x_BHWC), height, width * channels)
    line = np.zeros((width + 2) * channels, np.float32)
    for row in range(start, end):
        picture, y = row // rows, row % rows + lead
        w0, w3 = _EDGE if y > 0 else f32(0), _EDGE if y + 2 < height else f32(0)
        r0, r1 = flat[picture, max(y - 1, 0)], flat[picture, y]
        r2, r3 = flat[picture, y + 1], flat[picture, min(y + 2, height - 1)]
        for i in range(width * channels):
            line[channels + i] = f32(4) * (w0 * r0[i] + _INNER * (r1[i] + r2[i]) + w3 * r3[i])
        for x in range(columns):
            target = out_BHWC[picture, row % rows, x]
            for c in range(channels):
                value = _across(line, x * channels + c, channels)
                value = value * scale_BC[picture, c] + bias_C[c]
                target[c] = _leaky(value, _SLOPE) * next_BC[picture, c]


@inlined
def _parents(y: int, x: int) -> tuple[int, int, float, float]:  # pragma: no cover - compiled
    """The upper left of the four coarse pixels that one is made of, and the weights of this one."""
    top, left = (y + 1) // 2 - 1, (x + 1) // 2 - 1
    return top, left, _NEAR if y % 2 else _FAR, _NEAR if x % 2 else _FAR


@inlined
def _inherit(
    coarse_HWP: Floats, y: int, x: int, sums_P: Floats
) -> None:  # pragma: no cover - compiled
    """Flow, mask and picture of the coarser level at a pixel, zeros beyond its border."""
    top, left, weight_y, weight_x = _parents(y, x)
    sums_P[:] = f32(0)
    for dy in range(2):
        for dx in range(2):
            if 0 <= top + dy < coarse_HWP.shape[0] and 0 <= left + dx < coarse_HWP.shape[1]:
                weight = (f32(1) - weight_y if dy else weight_y) * (
                    f32(1) - weight_x if dx else weight_x
                )
                for p in range(6):
                    sums_P[p] += weight * coarse_HWP[top + dy, left + dx, p]


@inlined
def _activated_flow(
    raw_C: Floats, scale_C: Floats, bias_C: Floats, weight_3C: Floats, own_C: Floats
) -> tuple[float, float, float]:  # pragma: no cover - compiled
    """A level's own features into `own`, and their flow and mask."""
    u, v, m = f32(0), f32(0), f32(0)
    for c in range(len(own_C)):
        value = _leaky(raw_C[c] * scale_C[c] + bias_C[c], _SLOPE)
        own_C[c] = value
        u += value * weight_3C[0, c]
        v += value * weight_3C[1, c]
        m += value * weight_3C[2, c]
    return u, v, m


@inlined
def _sigmoid(value: float) -> float:  # pragma: no cover - compiled
    return f32(1) / (f32(1) + f32(math.exp(-min(max(value, -_FLAT), _FLAT))))


@inlined
def _sides(
    flow: float, pixel: int, pixels: int
) -> tuple[int, int, float, float]:  # pragma: no cover - compiled
    """Two neighbours along an axis and their weights, zero where there is no pixel.

    Pixels lie on -1 ... 1 with the corners at the ends, samples with the corners half a pixel off,
    as in `warp.py`.
    """
    # 1 + tanh(flow) - 1 + 2 pixel / (pixels - 1): from the first border, in half sides
    place = f32(2) * (_sigmoid(f32(2) * flow) + f32(pixel) / f32(pixels - 1)) - f32(1)
    at = (place * f32(pixels) - f32(1)) * f32(0.5)
    low = math.floor(at)
    part = at - f32(low)
    before = f32(1) - part if 0 <= low < pixels else f32(0)
    after = part if -1 <= low < pixels - 1 else f32(0)
    return min(max(low, 0), pixels - 1), min(max(low + 1, 0), pixels - 1), before, after


@kernel
def draw(
    raw_BHWC: Floats,
    scale_BC: Floats,
    bias_C: Floats,
    flow_B3C: Floats,
    coarse_BHWP: Floats,
    offsets_9: Floats,
    features_SHWC: Floats,
    shares_SHW3: Floats,
    next_BC: Floats,
    out_BHWC: Floats,
    fine_BHWP: Floats,
    first: int,
    start: int,
    end: int,
) -> None:  # pragma: no cover - compiled
    """From a level's raw convolution to its blended features, flow, mask and picture.

    `raw` may be some rows of a picture, `first` the number of the first one.

    `shares` are the source's features through the picture's convolution: a warp commutes with it.
    `offsets` are the biases of the flow, of the picture before its leaky ReLU, and after it. An
    empty `out` means that nothing goes on from here but the picture. `next` is multiplied in.
    """
    rows, columns, channels = raw_BHWC.shape[1:]
    height = fine_BHWP.shape[1]
    own, sums = np.empty(channels, np.float32), np.empty(6, np.float32)
    for row in range(start, end):
        b, y = row // rows, first + row % rows
        features, shares = features_SHWC[b % len(features_SHWC)], shares_SHW3[b % len(shares_SHW3)]
        for x in range(columns):
            fine = fine_BHWP[b, y, x]
            _inherit(coarse_BHWP[b], y, x, sums)
            u, v, m = _activated_flow(
                raw_BHWC[b, row % rows, x], scale_BC[b], bias_C, flow_B3C[b], own
            )
            fine[0], fine[1] = u + offsets_9[0] + sums[0], v + offsets_9[1] + sums[1]
            fine[2] = m + offsets_9[2] + sums[2]
            mask = _sigmoid(fine[2])
            left, right, at_left, at_right = _sides(fine[0], x, columns)
            top, low, at_top, at_low = _sides(fine[1], y, height)
            w00, w01 = at_top * at_left * mask, at_top * at_right * mask
            w10, w11 = at_low * at_left * mask, at_low * at_right * mask
            a, e, d, g = (
                shares[top, left],
                shares[top, right],
                shares[low, left],
                shares[low, right],
            )
            for k in range(3):
                value = w00 * a[k] + w01 * e[k] + w10 * d[k] + w11 * g[k] + offsets_9[3 + k]
                fine[3 + k] = _leaky(value, _SLOPE) + offsets_9[6 + k] + sums[3 + k]
            if len(out_BHWC):
                f00, f01 = features[top, left], features[top, right]
                f10, f11, target = features[low, left], features[low, right], out_BHWC[b, y, x]
                for c in range(channels):
                    warped = w00 * f00[c] + w01 * f01[c] + w10 * f10[c] + w11 * f11[c]
                    target[c] = (warped + own[c] * (f32(1) - mask)) * next_BC[b, c]
