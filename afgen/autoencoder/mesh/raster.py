"""Drawing a textured, layered triangle mesh: rasterising, sampling and compositing in one pass.

The picture is cut into bands of BAND_ROWS rows. A band finds, for each pixel, the front-most
triangle's place in the texture, then samples the texture there and lays it over what the output
already holds. A band reads nothing that another one writes and the bands are always the same, so
the bytes do not depend on how many threads share the work. The caller's threads run bands side by
side; no threading layer of numba, which may abort a process, is involved.

Shape letters: V vertices, F triangles, H height, W width of the output, C = 3 RGB channels,
S side of the (padded, oversampled) texture; A marks an alpha channel behind the colours.
"""

from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from afgen.autoencoder.compiled import called, inlined, kernel
from afgen.autoencoder.mesh.sampling import sample_colour
from afgen.signals import Floats, Image

BAND_ROWS = 32
EDGE_SLACK = 1e-4  # pixels on a shared edge belong to both triangles, so no seam stays open
FAR = 1e9
FOLD_STEP = 3.0  # texture pixels per output pixel, times oversampling: above it the mesh folds

Triangles = NDArray[np.int32]
Shades = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Texture:
    """The portrait as the mesh samples it.

    Texel (0, 0) lies at output pixel (-pad, -pad) of the picture at rest, and `oversampling` texels
    make up one output pixel.
    """

    image_SSA: Image  # (S, S, 4): colour and coverage
    shade_SS: Shades  # how a smile changes the light, in steps of 1/128 of the colour
    pad: int  # output pixels
    oversampling: int

    def texels(self, pixels_V2: NDArray[np.floating[Any]]) -> Floats:
        """Output pixels at rest -> texture coordinates, (V, 2)."""
        return ((pixels_V2 + self.pad) * self.oversampling).astype(np.float32)


class Light(NamedTuple):
    """How strongly the texture's shade applies on either side of a texture column."""

    left: float
    right: float
    column: float


UNLIT = Light(0.0, 0.0, 0.0)


class _Band(NamedTuple):
    """What one band of rows knows of each pixel, with a margin of one pixel all around."""

    u: Floats  # place in the texture, texels
    v: Floats
    depth: Floats  # FAR where nothing is
    folded: NDArray[np.uint8]  # 1 where a neighbour shows a far part of the texture


def draw_mesh(
    out_HWC: Image,
    vertices_V3: Floats,
    texels_V2: Floats,
    triangles_F3: Triangles,
    texture: Texture,
    light: Light = UNLIT,
    pool: Executor | None = None,
) -> None:
    """Draw the mesh over `out_HWC`, in place.

    `vertices_V3` are output pixels, z away from the viewer. With a `pool` two threads share the
    bands.
    """
    limit = FOLD_STEP * texture.oversampling
    look = (texture.image_SSA, texture.shade_SS, *light, limit)
    rest = (vertices_V3, texels_V2, triangles_F3, *look)
    if pool is None:
        _draw_bands(out_HWC, 0, 1, *rest)
        return
    other = pool.submit(_draw_bands, out_HWC, 1, 2, *rest)
    _draw_bands(out_HWC, 0, 2, *rest)
    other.result()


@kernel
def _draw_bands(
    out_HWC: Image,
    first: int,
    every: int,
    vertices_V3: Floats,
    texels_V2: Floats,
    triangles_F3: Triangles,
    image_SSA: Image,
    shade_SS: Shades,
    left: float,
    right: float,
    column: float,
    limit: float,
) -> None:  # pragma: no cover - compiled
    """Draw every `every`-th band from the `first` on."""
    light = Light(left, right, column)
    height, width = out_HWC.shape[:2]
    shape = (BAND_ROWS + 2, width + 2)
    band = _Band(
        np.zeros(shape, np.float32),
        np.zeros(shape, np.float32),
        np.empty(shape, np.float32),
        np.empty(shape, np.uint8),
    )
    for top in range(first * BAND_ROWS, height, every * BAND_ROWS):
        rows = min(BAND_ROWS, height - top)
        band.depth[:] = FAR
        for f in range(triangles_F3.shape[0]):
            _place_triangle(band, top - 1, rows + 2, triangles_F3[f], vertices_V3, texels_V2)
        _find_folds(band, rows, limit)
        _sample_band(out_HWC, top, rows, band, image_SSA, shade_SS, light)


@called
def _place_triangle(
    band: _Band,
    top: int,
    rows: int,
    corners: NDArray[np.int32],
    vertices_V3: Floats,
    texels_V2: Floats,
) -> None:  # pragma: no cover - compiled
    """Write texture places of one triangle where it is in front. Buffer column 0 is pixel -1."""
    a, b, c = corners[0], corners[1], corners[2]
    ax, ay, az = vertices_V3[a, 0], vertices_V3[a, 1] - top, vertices_V3[a, 2]
    bx, by, bz = vertices_V3[b, 0], vertices_V3[b, 1] - top, vertices_V3[b, 2]
    cx, cy, cz = vertices_V3[c, 0], vertices_V3[c, 1] - top, vertices_V3[c, 2]
    y0 = max(int(np.ceil(min(ay, by, cy) - EDGE_SLACK)), 0)
    y1 = min(int(np.floor(max(ay, by, cy) + EDGE_SLACK)), rows - 1)
    if y1 < y0:
        return
    width = band.depth.shape[1]
    x0 = max(int(np.ceil(min(ax, bx, cx) - EDGE_SLACK)), -1)
    x1 = min(int(np.floor(max(ax, bx, cx) + EDGE_SLACK)), width - 2)
    area = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy)
    if x1 < x0 or abs(area) < 1e-6:
        return
    inv = 1.0 / area
    step_a, step_b = (by - cy) * inv, (cy - ay) * inv
    us, ua, ub = (
        texels_V2[c, 0],
        texels_V2[a, 0] - texels_V2[c, 0],
        texels_V2[b, 0] - texels_V2[c, 0],
    )
    vs, va, vb = (
        texels_V2[c, 1],
        texels_V2[a, 1] - texels_V2[c, 1],
        texels_V2[b, 1] - texels_V2[c, 1],
    )
    da, db = az - cz, bz - cz
    for y in range(y0, y1 + 1):
        start_a = ((cx - bx) * (y - cy) - (by - cy) * cx) * inv
        start_b = ((ax - cx) * (y - cy) - (cy - ay) * cx) * inv
        first, last = _span(x0, x1, start_a, step_a)
        first, last = _span(first, last, start_b, step_b)
        first, last = _span(first, last, 1.0 - start_a - start_b, -step_a - step_b)
        for x in range(first, last + 1):
            wa = start_a + step_a * x
            wb = start_b + step_b * x
            z = cz + wa * da + wb * db
            if z < band.depth[y, x + 1]:
                band.depth[y, x + 1] = z
                band.u[y, x + 1] = us + wa * ua + wb * ub
                band.v[y, x + 1] = vs + wa * va + wb * vb


@inlined
def _span(
    first: int, last: int, start: float, step: float
) -> tuple[int, int]:  # pragma: no cover - compiled
    """The pixels of a row, first to last, where the weight start + step x is not negative."""
    if step > 1e-9:
        return max(first, int(np.ceil((-EDGE_SLACK - start) / step))), last
    if step < -1e-9:
        return first, min(last, int(np.floor((-EDGE_SLACK - start) / step)))
    return first, last if start >= -EDGE_SLACK else first - 1


@called
def _find_folds(band: _Band, rows: int, limit: float) -> None:  # pragma: no cover - compiled
    """Mark silhouettes inside the face: pixels whose neighbours lie far away in the texture."""
    step = np.float32(limit)
    for y in range(1, rows + 1):
        for x in range(1, band.u.shape[1] - 1):
            u, v = band.u[y, x], band.v[y, x]
            right = max(abs(band.u[y, x + 1] - u), abs(band.v[y, x + 1] - v)) > step
            left = max(abs(band.u[y, x - 1] - u), abs(band.v[y, x - 1] - v)) > step
            below = max(abs(band.u[y + 1, x] - u), abs(band.v[y + 1, x] - v)) > step
            above = max(abs(band.u[y - 1, x] - u), abs(band.v[y - 1, x] - v)) > step
            right &= band.depth[y, x + 1] < FAR
            left &= band.depth[y, x - 1] < FAR
            below &= band.depth[y + 1, x] < FAR
            above &= band.depth[y - 1, x] < FAR
            band.folded[y, x] = right | left | below | above


@called
def _sample_band(
    out_HWC: Image,
    top: int,
    rows: int,
    band: _Band,
    image_SSA: Image,
    shade_SS: Shades,
    light: Light,
) -> None:  # pragma: no cover - compiled
    shaded = light.left != 0.0 or light.right != 0.0
    for y in range(1, rows + 1):
        for x in range(1, band.u.shape[1] - 1):
            if band.depth[y, x] >= FAR:
                continue
            u, v = band.u[y, x], band.v[y, x]
            r, g, b, alpha = sample_colour(image_SSA, u, v)
            if alpha == 0:
                continue
            if band.folded[y, x]:
                r, g, b, alpha = _sample_softly(band, y, x, image_SSA, r, g, b)
            if shaded:
                amount = light.left if u < light.column else light.right
                r, g, b = _relight(r, g, b, amount * _nearest(shade_SS, u, v))
            out_3 = out_HWC[top + y - 1, x - 1]
            if alpha < 254:
                rest = 255 - alpha
                r = (r * alpha + out_3[0] * rest + 127) // 255
                g = (g * alpha + out_3[1] * rest + 127) // 255
                b = (b * alpha + out_3[2] * rest + 127) // 255
            out_3[0], out_3[1], out_3[2] = r, g, b


@inlined
def _nearest(shade_SS: Shades, u: float, v: float) -> float:  # pragma: no cover - compiled
    height, width = shade_SS.shape
    x = min(max(int(u + 0.5), 0), width - 1)
    y = min(max(int(v + 0.5), 0), height - 1)
    shade: float = shade_SS[y, x] * (1.0 / 128.0)
    return shade


@inlined
def _relight(
    r: int, g: int, b: int, amount: float
) -> tuple[int, int, int]:  # pragma: no cover - compiled
    """Multiply by 1 + amount; what darkens takes less red, as light through skin does."""
    if amount == 0.0:
        return r, g, b
    red = amount * 0.8
    return (
        min(max(int(r + r * red + 0.5), 0), 255),
        min(max(int(g + g * amount + 0.5), 0), 255),
        min(max(int(b + b * amount + 0.5), 0), 255),
    )


@called
def _sample_softly(
    band: _Band, y: int, x: int, image_SSA: Image, r: int, g: int, b: int
) -> tuple[int, int, int, int]:  # pragma: no cover - compiled
    """What the 3 x 3 neighbourhood shows, weighted 1 2 1: the fold's edge without stairs."""
    sums = (0, 0, 0, 0)
    for j in range(-1, 2):
        for i in range(-1, 2):
            weight = (2 - abs(i)) * (2 - abs(j))
            p, q, s, alpha = r, g, b, 0
            if band.depth[y + j, x + i] < FAR:
                p, q, s, alpha = sample_colour(
                    image_SSA, band.u[y + j, x + i], band.v[y + j, x + i]
                )
            sums = (
                sums[0] + weight * p,
                sums[1] + weight * q,
                sums[2] + weight * s,
                sums[3] + weight * alpha,
            )
    return (sums[0] + 8) >> 4, (sums[1] + 8) >> 4, (sums[2] + 8) >> 4, (sums[3] + 8) >> 4
