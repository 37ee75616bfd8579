"""Openings of the face, eyes and mouth: a frame along the corners and two edges over it.

In an opening's frame, position runs from 0 at the first corner to 1 at the last one, and heights
are pixels across it, growing downwards. Both edges are smooth curves through their landmarks.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from afgen.autoencoder.mesh.curves import Array, spline_matrix
from afgen.signals import Floats

SAMPLES: Final = 33  # heights along an edge
Box = tuple[int, int, int, int]
_AXIS: Final = np.linspace(0.0, 1.0, SAMPLES)
_SPLINES: Final = {points: spline_matrix(points, SAMPLES) for points in (9, 11)}


@dataclass(frozen=True, slots=True)
class Opening:
    """An eye or mouth as it stands in one frame."""

    frame: Floats  # (5,): first corner x y, unit vector to the last one x y, distance; pixels
    upper_K: Floats  # heights of the upper edge, pixels
    lower_K: Floats

    @property
    def length(self) -> float:
        """Distance between the corners, pixels."""
        return float(self.frame[4])

    def box(self, shape: tuple[int, ...], lowest: float, highest: float) -> Box:
        """Pixels (x0, y0, x1, y1) of a picture (H, W, ...) between two heights, corners included.

        Empty, with x1 <= x0 or y1 <= y0, where the opening lies outside the picture.
        """
        x, y, ax, ay, length = (float(value) for value in self.frame)
        sign = 1.0 if ax >= 0 else -1.0
        corners = [
            (x + along * ax - sign * across * ay, y + along * ay + sign * across * ax)
            for along in (-0.06 * length - 2, 1.06 * length + 2)
            for across in (lowest - 3, highest + 3)
        ]
        xs, ys = zip(*corners, strict=True)
        height, width = shape[:2]
        return (
            max(int(min(xs)), 0),
            max(int(min(ys)), 0),
            min(int(max(xs)) + 2, width),
            min(int(max(ys)) + 2, height),
        )


def opening(upper_P2: Array, lower_P2: Array) -> Opening:
    """From the landmarks of both edges, corner to corner in the same order, in pixels."""
    first_2, last_2 = upper_P2[0], upper_P2[-1]
    along_2 = last_2 - first_2
    length = max(float(np.hypot(along_2[0], along_2[1])), 1e-3)
    along_2 = along_2 / length
    frame = np.array([*first_2, *along_2, length], dtype=np.float32)
    return Opening(frame, heights(upper_P2, frame), heights(lower_P2, frame))


def heights(points_P2: Array, frame: Floats) -> Floats:
    """A smooth curve through landmarks, as heights over a frame, (SAMPLES,)."""
    x, y, ax, ay, length = (float(value) for value in frame)
    offset_P2 = _SPLINES[len(points_P2)] @ (points_P2 - (x, y))
    position = (offset_P2[:, 0] * ax + offset_P2[:, 1] * ay) / length
    height = _below(offset_P2, ax, ay)
    order = np.maximum.accumulate(position)
    return np.interp(_AXIS, order, height).astype(np.float32)


def affine_between(from_32: Array, to_32: Array, origin_2: Array) -> Array:
    """Affine map (2, 3) that takes the first of three points to `origin_2`.

    Its linear part takes the other two points' offsets from the first in `from_32` to those in
    `to_32`.
    """
    linear = (to_32[1:] - to_32[0]).T @ np.linalg.inv((from_32[1:] - from_32[0]).T)
    return np.column_stack([linear, origin_2 - linear @ from_32[0]])


def _below(offset_P2: Array, ax: float, ay: float) -> Array:
    """Heights grow downwards whichever way the corners run: left to right or right to left."""
    sign = 1.0 if ax >= 0 else -1.0
    across: Array = sign * (offset_P2[:, 1] * ax - offset_P2[:, 0] * ay)
    return across
