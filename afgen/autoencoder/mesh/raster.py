"""Drawing a textured, layered triangle mesh: rasterising, sampling and compositing in one pass.

The picture is cut into bands of BAND_ROWS rows. A band finds, for each pixel, the front-most
triangle's place in the texture, then samples the texture there and lays it over what the output
already holds. A band reads nothing that another one writes and the bands are always the same, so
the bytes do not depend on how many threads share the work. Kernels are serial and release the GIL:
the caller's threads run bands side by side, and no threading layer of numba can be in the way.

Shape letters: V vertices, F triangles, H height, W width of the output, C = 3 RGB channels,
S side of the (padded, oversampled) texture; A marks an alpha channel behind the colours.
"""

from concurrent.futures import Executor, wait
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

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


def draw_mesh(
    out_HWC: Image,
    vertices_V3: Floats,
    texels_V2: Floats,
    triangles_F3: Triangles,
    texture: Texture,
    shade_sides: tuple[float, float, float],
    pool: Executor | None = None,
) -> None:
    """Draw the mesh over `out_HWC`, in place.

    `vertices_V3` are output pixels, z away from the viewer. `shade_sides` is how strongly the
    texture's shade applies left and right of a texture column: (left, right, column). With a `pool`
    two threads share the bands.
    """
    left, right, column = shade_sides
    arguments = (
        out_HWC,
        vertices_V3,
        texels_V2,
        triangles_F3,
        texture.image_SSA,
        texture.shade_SS,
        left,
        right,
        column,
        FOLD_STEP * texture.oversampling,
    )
    bands = -(-out_HWC.shape[0] // BAND_ROWS)
    if pool is None:
        _draw_bands(0, bands, 1, *arguments)
        return
    other = pool.submit(_draw_bands, 1, bands, 2, *arguments)
    _draw_bands(0, bands, 2, *arguments)
    wait([other])
    other.result()


@njit(cache=True, nogil=True, fastmath=True)
def _draw_bands(
    first: int,
    bands: int,
    step: int,
    out_HWC: Image,
    vertices_V3: Floats,
    texels_V2: Floats,
    triangles_F3: Triangles,
    image_SSA: Image,
    shade_SS: Shades,
    left: float,
    right: float,
    column: float,
    fold: float,
) -> None:  # pragma: no cover - compiled
    height, width = out_HWC.shape[:2]
    place = np.empty((BAND_ROWS + 2, width + 2, 2), np.float32)
    depth = np.empty((BAND_ROWS + 2, width + 2), np.float32)
    for band in range(first, bands, step):
        top = band * BAND_ROWS
        rows = min(BAND_ROWS, height - top)
        depth[:] = FAR
        for f in range(triangles_F3.shape[0]):
            _place_triangle(
                place, depth, top - 1, rows + 2, triangles_F3[f], vertices_V3, texels_V2
            )
        _sample_band(
            out_HWC, top, rows, place, depth, image_SSA, shade_SS, left, right, column, fold
        )


@njit(cache=True, nogil=True, fastmath=True, inline="never")
def _place_triangle(
    place: Floats,
    depth: Floats,
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
    width = depth.shape[1]
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
    slack = -EDGE_SLACK
    for y in range(y0, y1 + 1):
        start_a = ((cx - bx) * (y - cy) - (by - cy) * cx) * inv
        start_b = ((ax - cx) * (y - cy) - (cy - ay) * cx) * inv
        for x in range(x0, x1 + 1):
            wa = start_a + step_a * x
            wb = start_b + step_b * x
            if wa < slack or wb < slack or wa + wb > 1.0 - slack:
                continue
            z = cz + wa * da + wb * db
            if z < depth[y, x + 1]:
                depth[y, x + 1] = z
                place[y, x + 1, 0] = us + wa * ua + wb * ub
                place[y, x + 1, 1] = vs + wa * va + wb * vb


@njit(cache=True, nogil=True, fastmath=True, inline="never")
def _sample_band(
    out_HWC: Image,
    top: int,
    rows: int,
    place: Floats,
    depth: Floats,
    image_SSA: Image,
    shade_SS: Shades,
    left: float,
    right: float,
    column: float,
    fold: float,
) -> None:  # pragma: no cover - compiled
    shaded = left != 0.0 or right != 0.0
    for row in range(rows):
        for x in range(out_HWC.shape[1]):
            if depth[row + 1, x + 1] >= FAR:
                continue
            u, v = place[row + 1, x + 1, 0], place[row + 1, x + 1, 1]
            r, g, b, alpha = sample_colour(image_SSA, u, v)
            if alpha == 0:
                continue
            if _is_fold(place, depth, row + 1, x + 1, fold):
                r, g, b, alpha = _sample_softly(place, depth, row + 1, x + 1, image_SSA, r, g, b)
            if shaded:
                amount = left if u < column else right
                r, g, b = _relight(r, g, b, amount * _nearest(shade_SS, u, v))
            if alpha < 254:
                rest = 255 - alpha
                r = (r * alpha + out_HWC[top + row, x, 0] * rest + 127) // 255
                g = (g * alpha + out_HWC[top + row, x, 1] * rest + 127) // 255
                b = (b * alpha + out_HWC[top + row, x, 2] * rest + 127) // 255
            out_HWC[top + row, x, 0] = r
            out_HWC[top + row, x, 1] = g
            out_HWC[top + row, x, 2] = b


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _nearest(shade_SS: Shades, u: float, v: float) -> float:  # pragma: no cover - compiled
    height, width = shade_SS.shape
    x = min(max(int(u + 0.5), 0), width - 1)
    y = min(max(int(v + 0.5), 0), height - 1)
    shade: float = shade_SS[y, x] * (1.0 / 128.0)
    return shade


@njit(cache=True, nogil=True, fastmath=True, inline="always")
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


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _is_fold(
    place: Floats, depth: Floats, y: int, x: int, limit: float
) -> bool:  # pragma: no cover - compiled
    """Whether a neighbour shows a far part of the texture: a silhouette inside the face."""
    u, v = place[y, x, 0], place[y, x, 1]
    for j, i in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        if depth[y + j, x + i] < FAR and (
            abs(place[y + j, x + i, 0] - u) > limit or abs(place[y + j, x + i, 1] - v) > limit
        ):
            return True
    return False


@njit(cache=True, nogil=True, fastmath=True, inline="never")
def _sample_softly(
    place: Floats, depth: Floats, y: int, x: int, image_SSA: Image, r: int, g: int, b: int
) -> tuple[int, int, int, int]:  # pragma: no cover - compiled
    """What the 3 x 3 neighbourhood shows, weighted 1 2 1: the fold's edge without stairs."""
    sums = np.zeros(4, np.int32)
    for j in range(-1, 2):
        for i in range(-1, 2):
            weight = (2 - abs(i)) * (2 - abs(j))
            if depth[y + j, x + i] < FAR:
                p, q, s, alpha = sample_colour(
                    image_SSA, place[y + j, x + i, 0], place[y + j, x + i, 1]
                )
            else:
                p, q, s, alpha = r, g, b, 0
            sums[0] += weight * p
            sums[1] += weight * q
            sums[2] += weight * s
            sums[3] += weight * alpha
    return (sums[0] + 8) >> 4, (sums[1] + 8) >> 4, (sums[2] + 8) >> 4, (sums[3] + 8) >> 4
