"""A portrait painted by code: the other person of the demo, free of anybody's rights.

Shapes are polygons and splines in a unit square (x right, y down), painted large and scaled down;
light comes from the upper left. Soft shading is a blurred shape laid over with an opacity.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import splev, splprep

from afgen.signals import Floats, Image

Colour = tuple[int, int, int]
Points = Sequence[tuple[float, float]]

SKIN: Colour = (226, 172, 138)
SKIN_SHADE: Colour = (168, 104, 80)
SKIN_LIGHT: Colour = (250, 214, 184)
HAIR: Colour = (74, 46, 34)
HAIR_LIGHT: Colour = (134, 88, 60)
LIP: Colour = (196, 112, 98)
SHIRT: Colour = (58, 92, 104)
WALL: Colour = (196, 188, 172)


@dataclass(slots=True)
class Canvas:
    """A square of float RGB in 0..255, painted over in place."""

    pixels_HWC: Floats

    @property
    def size(self) -> int:
        """Pixels a side."""
        return int(self.pixels_HWC.shape[0])

    def shape(self, points: Points, colour: Colour, *, opacity: float = 1.0, soft: float = 0.0,
              smooth: bool = True, inside: NDArray[np.float32] | None = None) -> None:  # fmt: skip
        """Fill a closed outline; `soft` blurs its edge (unit lengths), `inside` clips it."""
        mask = self.mask(points, smooth=smooth, soft=soft)
        self.blend(mask if inside is None else mask * inside, colour, opacity)

    def mask(self, points: Points, *, smooth: bool = True, soft: float = 0.0) -> Floats:
        """Coverage (H, W) of a closed outline in 0..1."""
        outline = _spline(points) if smooth else np.asarray(points, float)
        mask = np.zeros((self.size, self.size), np.uint8)
        fixed = np.round(outline * self.size * 16).astype(np.int32)
        cv2.fillPoly(mask, [fixed], (255,), cv2.LINE_AA, 4)
        covered = mask.astype(np.float32) / 255
        return _blur(covered, soft * self.size) if soft else covered

    def blend(self, mask_HW: Floats, colour: Colour, opacity: float = 1.0) -> None:
        """Lay a colour over, weighted by a mask."""
        weight = (mask_HW * opacity)[..., None]
        self.pixels_HWC += (np.asarray(colour, np.float32) - self.pixels_HWC) * weight

    def stroke(self, points: Points, colour: Colour, width: float, *, opacity: float = 1.0,
               soft: float = 0.0) -> None:  # fmt: skip
        """A tapered line along open points, thickest in the middle."""
        line = _spline(points, closed=False)
        mask = np.zeros((self.size, self.size), np.uint8)
        for k, (start, end) in enumerate(pairwise(line)):
            taper = np.sin(np.pi * (k + 0.5) / (len(line) - 1)) ** 0.5
            ends = [np.round(p * self.size * 16).astype(int).tolist() for p in (start, end)]
            thick = max(1, round(width * self.size * taper))
            cv2.line(mask, ends[0], ends[1], (255,), thick, cv2.LINE_AA, 4)
        covered = mask.astype(np.float32) / 255
        self.blend(_blur(covered, soft * self.size) if soft else covered, colour, opacity)


def _blur(mask: Floats, sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(sigma, 0.3)), np.float32)


def _spline(points: Points, *, closed: bool = True, count: int = 160) -> NDArray[np.float64]:
    xy = np.asarray(points, float)
    if closed:
        xy = np.vstack([xy, xy[:1]])
    curve, _ = splprep(xy.T, s=0, per=closed, k=min(3, len(xy) - 1))
    return np.stack(splev(np.linspace(0, 1, count), curve), 1)


def _ellipse(
    x: float, y: float, rx: float, ry: float, count: int = 24
) -> list[tuple[float, float]]:
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return [(x + rx * float(np.cos(a)), y + ry * float(np.sin(a))) for a in turn]


FACE: Points = (
    (0.500, 0.205), (0.585, 0.222), (0.640, 0.285), (0.656, 0.375), (0.652, 0.470),
    (0.636, 0.560), (0.596, 0.632), (0.542, 0.668), (0.500, 0.674), (0.458, 0.668),
    (0.404, 0.632), (0.364, 0.560), (0.348, 0.470), (0.344, 0.375), (0.360, 0.285),
    (0.415, 0.222),
)  # fmt: skip


def paint(size: int = 768, oversample: int = 2) -> Image:
    """The finished picture, (size, size, 3) RGB."""
    side = size * oversample
    canvas = Canvas(np.tile(np.asarray(WALL, np.float32), (side, side, 1)))
    _background(canvas)
    _hair_behind(canvas)
    _body(canvas)
    _head(canvas)
    for mirror in (False, True):
        _eye(canvas, mirror)
    _nose(canvas)
    _mouth(canvas)
    _hair_front(canvas)
    small = cv2.resize(canvas.pixels_HWC, (size, size), interpolation=cv2.INTER_AREA)
    grain = np.random.default_rng(7).normal(0, 1.6, (size, size, 1))
    return np.clip(small + grain, 0, 255).astype(np.uint8)


def _background(canvas: Canvas) -> None:
    canvas.shape(_ellipse(0.25, 0.2, 0.5, 0.5), (226, 220, 206), opacity=0.8, soft=0.15)
    canvas.shape(_ellipse(0.95, 0.9, 0.5, 0.5), (150, 146, 140), opacity=0.7, soft=0.15)


def _hair_behind(canvas: Canvas) -> None:
    outline: Points = (
        (0.5, 0.118), (0.61, 0.130), (0.672, 0.200), (0.684, 0.310), (0.672, 0.405),
        (0.655, 0.430), (0.5, 0.42), (0.345, 0.430), (0.328, 0.405), (0.316, 0.310),
        (0.328, 0.200), (0.39, 0.130),
    )  # fmt: skip
    canvas.shape(outline, HAIR, soft=0.003)


def _body(canvas: Canvas) -> None:
    shoulders: Points = (
        (0.40, 0.745), (0.30, 0.800), (0.16, 0.850), (0.08, 0.94), (0.05, 1.08),
        (0.95, 1.08), (0.92, 0.94), (0.84, 0.850), (0.70, 0.800), (0.60, 0.745),
    )  # fmt: skip
    neck: Points = (
        (0.398, 0.56), (0.602, 0.56), (0.606, 0.72), (0.646, 0.775), (0.50, 0.850),
        (0.354, 0.775), (0.394, 0.72),
    )  # fmt: skip
    cloth = canvas.mask(shoulders, smooth=False)
    canvas.blend(_blur(cloth, 0.004 * canvas.size), SHIRT)
    canvas.shape(_ellipse(0.25, 0.86, 0.16, 0.06), (96, 134, 144), opacity=0.6, soft=0.03,
                 inside=cloth)  # fmt: skip
    canvas.shape(_ellipse(0.80, 0.99, 0.18, 0.10), (28, 50, 60), opacity=0.7, soft=0.04,
                 inside=cloth)  # fmt: skip
    throat = canvas.mask(neck, soft=0.002)
    canvas.blend(throat, (206, 148, 118))
    canvas.shape(_ellipse(0.51, 0.655, 0.13, 0.075), SKIN_SHADE, opacity=0.75, soft=0.02,
                 inside=throat)  # fmt: skip
    canvas.stroke([(0.352, 0.776), (0.41, 0.828), (0.50, 0.853), (0.59, 0.828), (0.648, 0.776)],
                  (36, 62, 72), 0.020, soft=0.003)  # fmt: skip


def _head(canvas: Canvas) -> None:
    for x in (0.345, 0.655):
        canvas.shape(_ellipse(x, 0.435, 0.026, 0.055), (206, 142, 112), soft=0.003)
        canvas.shape(_ellipse(x, 0.437, 0.012, 0.032), SKIN_SHADE, opacity=0.5, soft=0.006)
    face = canvas.mask(FACE, soft=0.0015)
    canvas.blend(face, SKIN)
    edge = face - _blur(face, 0.05 * canvas.size)
    canvas.blend(np.clip(edge, 0, 1) * face, SKIN_SHADE, 0.75)
    canvas.shape(
        _ellipse(0.665, 0.46, 0.10, 0.20), SKIN_SHADE, opacity=0.55, soft=0.035, inside=face
    )
    canvas.shape(
        _ellipse(0.45, 0.285, 0.10, 0.06), SKIN_LIGHT, opacity=0.75, soft=0.03, inside=face
    )
    for x in (0.415, 0.585):
        canvas.shape(_ellipse(x, 0.490, 0.048, 0.040), (222, 128, 106), opacity=0.45, soft=0.02,
                     inside=face)  # fmt: skip
    canvas.shape(_ellipse(0.420, 0.468, 0.036, 0.022), SKIN_LIGHT, opacity=0.55, soft=0.014,
                 inside=face)  # fmt: skip
    canvas.shape(_ellipse(0.495, 0.630, 0.035, 0.022), SKIN_LIGHT, opacity=0.45, soft=0.012,
                 inside=face)  # fmt: skip
    canvas.shape(_ellipse(0.5, 0.64, 0.135, 0.075), (176, 128, 106), opacity=0.34, soft=0.025,
                 inside=face)  # fmt: skip
    for x in (0.4265, 0.5735):
        canvas.shape(_ellipse(x, 0.388, 0.052, 0.030), SKIN_SHADE, opacity=0.42, soft=0.012,
                     inside=face)  # fmt: skip


def _mirrored(points: Points, mirror: bool) -> list[tuple[float, float]]:
    return [(1 - x, y) if mirror else (x, y) for x, y in points]


def _eye(canvas: Canvas, mirror: bool) -> None:
    def at(points: Points) -> list[tuple[float, float]]:
        return _mirrored(points, mirror)

    lid: Points = (
        (0.3865, 0.4035), (0.402, 0.3895), (0.424, 0.3825), (0.446, 0.3885), (0.4645, 0.4050),
        (0.446, 0.4125), (0.424, 0.4155), (0.402, 0.4120),
    )  # fmt: skip
    opening = canvas.mask(at(lid), soft=0.0008)
    canvas.blend(opening, (240, 236, 230))
    x, y = at([(0.4255, 0.3985)])[0]
    iris = canvas.mask(_ellipse(x, y, 0.0172, 0.0172), soft=0.0006) * opening
    canvas.blend(iris, (78, 96, 74))
    canvas.blend(canvas.mask(_ellipse(x, y + 0.006, 0.011, 0.009), soft=0.004) * opening,
                 (132, 148, 104), 0.7)  # fmt: skip
    canvas.blend(canvas.mask(_ellipse(x, y, 0.0076, 0.0076)) * opening, (18, 14, 14))
    canvas.shape(at([(0.384, 0.398), (0.424, 0.377), (0.466, 0.400), (0.424, 0.392)]), (60, 40, 34),
                 opacity=0.55, soft=0.003, inside=opening)  # fmt: skip
    canvas.blend(canvas.mask(_ellipse(x - 0.006, y - 0.006, 0.0036, 0.0036)), (255, 255, 255))
    canvas.stroke(at(lid[:5]), (52, 32, 28), 0.0062, soft=0.0008)
    canvas.stroke(at([lid[4], lid[5], lid[6], lid[7], lid[0]]), (150, 92, 76), 0.0028, opacity=0.7,
                  soft=0.001)  # fmt: skip
    canvas.stroke(at([(0.388, 0.384), (0.424, 0.3685), (0.462, 0.386)]), (150, 92, 72), 0.0034,
                  opacity=0.7, soft=0.0016)  # fmt: skip
    brow: Points = (
        (0.374, 0.3560), (0.392, 0.3390), (0.425, 0.3310), (0.464, 0.3370), (0.474, 0.3490),
        (0.440, 0.3480), (0.410, 0.3470),
    )  # fmt: skip
    canvas.shape(at(brow), HAIR, opacity=0.9, soft=0.002)


def _nose(canvas: Canvas) -> None:
    canvas.shape([(0.505, 0.39), (0.520, 0.46), (0.545, 0.505), (0.525, 0.517), (0.507, 0.50)],
                 SKIN_SHADE, opacity=0.42, soft=0.010)  # fmt: skip
    canvas.stroke([(0.494, 0.36), (0.493, 0.43), (0.494, 0.485)], SKIN_LIGHT, 0.014, opacity=0.6,
                  soft=0.006)  # fmt: skip
    canvas.shape(_ellipse(0.495, 0.491, 0.016, 0.012), SKIN_LIGHT, opacity=0.65, soft=0.006)
    for x in (0.4785, 0.5215):
        canvas.shape(_ellipse(x, 0.5155, 0.0105, 0.0052), (112, 58, 46), opacity=0.8, soft=0.002)
    for points in (
        [(0.458, 0.500), (0.453, 0.511), (0.463, 0.520)],
        [(0.542, 0.500), (0.547, 0.511), (0.537, 0.520)],
    ):
        canvas.stroke(points, SKIN_SHADE, 0.0045, opacity=0.8, soft=0.002)
    canvas.shape(_ellipse(0.5, 0.527, 0.030, 0.006), SKIN_SHADE, opacity=0.40, soft=0.005)


def _mouth(canvas: Canvas) -> None:
    upper: Points = (
        (0.439, 0.5705), (0.470, 0.5635), (0.489, 0.5595), (0.500, 0.5625), (0.511, 0.5595),
        (0.530, 0.5635), (0.561, 0.5705), (0.530, 0.5755), (0.500, 0.5765), (0.470, 0.5755),
    )  # fmt: skip
    lower: Points = (
        (0.439, 0.5705), (0.470, 0.5745), (0.500, 0.5760), (0.530, 0.5745), (0.561, 0.5705),
        (0.535, 0.5885), (0.500, 0.5955), (0.465, 0.5885),
    )  # fmt: skip
    canvas.shape(upper, (176, 96, 84), soft=0.0012)
    canvas.shape(lower, LIP, soft=0.0012)
    canvas.shape(_ellipse(0.494, 0.5845, 0.022, 0.0045), (232, 156, 146), opacity=0.7, soft=0.004)
    canvas.stroke([(0.436, 0.5690), (0.470, 0.5750), (0.500, 0.5764), (0.530, 0.5750),
                   (0.564, 0.5690)], (104, 42, 44), 0.0036, soft=0.0008)  # fmt: skip
    canvas.shape(_ellipse(0.5, 0.6065, 0.030, 0.007), SKIN_SHADE, opacity=0.45, soft=0.006)


def _hair_front(canvas: Canvas) -> None:
    fringe: Points = (
        (0.340, 0.415), (0.322, 0.33), (0.326, 0.24), (0.37, 0.155), (0.46, 0.108),
        (0.57, 0.112), (0.645, 0.17), (0.678, 0.27), (0.662, 0.415), (0.651, 0.335),
        (0.632, 0.275), (0.585, 0.236), (0.520, 0.222), (0.450, 0.240), (0.385, 0.268),
        (0.353, 0.335),
    )  # fmt: skip
    hair = canvas.mask(fringe, soft=0.002)
    canvas.blend(_blur(hair, 0.012 * canvas.size), SKIN_SHADE, 0.30)
    canvas.blend(hair, HAIR)
    rng = np.random.default_rng(3)
    for _ in range(150):
        x = float(rng.uniform(0.33, 0.66))
        bend = (x - 0.47) * 0.32
        drop = float(rng.uniform(0.06, 0.13))
        top = 0.116 + 0.9 * (x - 0.5) ** 2
        strand = [(x - bend * 0.4, top), (x, top + drop / 2), (x + bend * 0.6, top + drop)]
        tone = HAIR_LIGHT if rng.random() < 0.45 else (48, 28, 22)
        mask = canvas.mask([*strand, (strand[1][0] + 0.004, strand[1][1])], soft=0.001)
        canvas.blend(mask * hair, tone, float(rng.uniform(0.25, 0.6)))
    canvas.shape(_ellipse(0.44, 0.175, 0.08, 0.022), (168, 120, 88), opacity=0.45, soft=0.018,
                 inside=hair)  # fmt: skip
