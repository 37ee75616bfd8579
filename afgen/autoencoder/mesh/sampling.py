"""Compiled pieces that the kernels share: looking up pixels between pixels."""

from afgen.autoencoder.compiled import inlined
from afgen.signals import Floats, Image


@inlined
def sample_colour(
    image_HWA: Image, u: float, v: float
) -> tuple[int, int, int, int]:  # pragma: no cover - compiled
    """Four channels at (u, v), bilinear in fixed point; the border goes on for ever."""
    height, width = image_HWA.shape[:2]
    fx = min(max(u, 0.0), width - 1.001)
    fy = min(max(v, 0.0), height - 1.001)
    x, y = int(fx), int(fy)
    p = int((fx - x) * 256.0 + 0.5)
    q = int((fy - y) * 256.0 + 0.5)
    w11 = p * q
    w01 = (p << 8) - w11
    w10 = (q << 8) - w11
    w00 = 65536 - w01 - w10 - w11
    half = 32768
    a = image_HWA[y, x]
    b = image_HWA[y, x + 1]
    c = image_HWA[y + 1, x]
    d = image_HWA[y + 1, x + 1]
    return (
        (a[0] * w00 + b[0] * w01 + c[0] * w10 + d[0] * w11 + half) >> 16,
        (a[1] * w00 + b[1] * w01 + c[1] * w10 + d[1] * w11 + half) >> 16,
        (a[2] * w00 + b[2] * w01 + c[2] * w10 + d[2] * w11 + half) >> 16,
        (a[3] * w00 + b[3] * w01 + c[3] * w10 + d[3] * w11 + half) >> 16,
    )


@inlined
def sample_channel(
    image_HWC: Image, channel: int, u: float, v: float
) -> float:  # pragma: no cover - compiled
    """One channel at (u, v), bilinear, 0..255; the border goes on for ever."""
    height, width = image_HWC.shape[:2]
    fx = min(max(u, 0.0), width - 1.001)
    fy = min(max(v, 0.0), height - 1.001)
    x, y = int(fx), int(fy)
    p, q = fx - x, fy - y
    top = image_HWC[y, x, channel] * (1.0 - p) + image_HWC[y, x + 1, channel] * p
    low = image_HWC[y + 1, x, channel] * (1.0 - p) + image_HWC[y + 1, x + 1, channel] * p
    value: float = top * (1.0 - q) + low * q
    return value


@inlined
def height_at(curve_K: Floats, position: float) -> float:  # pragma: no cover - compiled
    """A curve of equally spaced heights over position 0..1, its ends going on level."""
    last = curve_K.shape[0] - 1
    x = min(max(position, 0.0), 1.0) * last
    i = min(int(x), last - 1)
    t = x - i
    height: float = curve_K[i] * (1.0 - t) + curve_K[i + 1] * t
    return height


@inlined
def unit(x: float) -> float:  # pragma: no cover - compiled
    """Clip to 0..1."""
    return min(max(x, 0.0), 1.0)


@inlined
def step(low: float, high: float, x: float) -> float:  # pragma: no cover - compiled
    """The smooth step of `curves.smooth_step`."""
    t = unit((x - low) / (high - low))
    return t * t * (3.0 - 2.0 * t)
