"""Small shared shapes: the smooth step, and smooth curves through landmarks."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def smooth_step(low: float, high: float, x: NDArray[np.floating[Any]] | float) -> Array:
    """0 up to `low`, 1 from `high`, a cubic with flat ends between; falls where high < low."""
    t = np.clip((np.asarray(x, dtype=np.float64) - low) / (high - low), 0.0, 1.0)
    out: Array = t * t * (3.0 - 2.0 * t)
    return out


def spline_matrix(points: int, samples: int) -> Array:
    """Matrix (samples, points) that draws a Catmull-Rom curve through equally spaced points.

    The curve runs from the first point to the last; ends are continued straight.
    """
    out = np.zeros((samples, points))
    for row, x in enumerate(np.linspace(0.0, points - 1.0, samples)):
        i = min(int(x), points - 2)
        t = x - i
        weights = (
            -0.5 * t**3 + t**2 - 0.5 * t,
            1.5 * t**3 - 2.5 * t**2 + 1.0,
            -1.5 * t**3 + 2.0 * t**2 + 0.5 * t,
            0.5 * t**3 - 0.5 * t**2,
        )
        for k, weight in enumerate(weights):
            _add_point(out[row], i - 1 + k, weight)
    out.setflags(write=False)
    return out


def _add_point(row: Array, index: int, weight: float) -> None:
    last = len(row) - 1
    if index < 0:  # p[-1] = 2 p[0] - p[1]
        row[0] += 2 * weight
        row[1] -= weight
    elif index > last:
        row[last] += 2 * weight
        row[last - 1] -= weight
    else:
        row[index] += weight
