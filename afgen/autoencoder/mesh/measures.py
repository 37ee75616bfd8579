"""Openings of mouth and eyes, measured on landmarks or shapes; all are ratios without a unit.

Shapes are (..., N, 3) with any leading dimensions, in any similarity frame.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from afgen.autoencoder.mesh.topology import (
    INNER_CORNERS,
    LEFT_EYE,
    LOWER_LIP_INNER,
    MOUTH_CORNERS,
    RIGHT_EYE,
    UPPER_LIP_INNER,
    EyePoints,
    Indices,
)

Array = NDArray[np.float64]
ArrayIn = NDArray[np.floating[Any]]

_LIP_MIDDLE = slice(4, 7)  # three of eleven points
_LID_MIDDLE = slice(3, 6)  # three of nine points


def mouth_opening(shape_N3: ArrayIn) -> Array:
    """Gap between the inner lips in the middle over the width between the inner corners, (...)."""
    gap = _mean_distance(shape_N3, UPPER_LIP_INNER[_LIP_MIDDLE], LOWER_LIP_INNER[_LIP_MIDDLE])
    return gap / _mean_distance(shape_N3, INNER_CORNERS[:1], INNER_CORNERS[1:])


def mouth_width(shape_N3: ArrayIn) -> Array:
    """Distance between the mouth's outer corners, in the unit of the shape, (...)."""
    return _mean_distance(shape_N3, MOUTH_CORNERS[:1], MOUTH_CORNERS[1:])


def eye_openings(shape_N3: ArrayIn) -> Array:
    """Gap between the lids in the middle over the width of the eye: (..., 2), right then left."""
    return np.stack([_eye_opening(shape_N3, eye) for eye in (RIGHT_EYE, LEFT_EYE)], axis=-1)


def _eye_opening(shape_N3: ArrayIn, eye: EyePoints) -> Array:
    gap = _mean_distance(shape_N3, eye.upper[_LID_MIDDLE], eye.lower[_LID_MIDDLE])
    return gap / _mean_distance(shape_N3, eye.upper[:1], eye.upper[-1:])


def _mean_distance(shape_N3: ArrayIn, from_K: Indices, to_K: Indices) -> Array:
    shape = np.asarray(shape_N3, dtype=np.float64)
    distances_K: Array = np.linalg.norm(shape[..., from_K, :] - shape[..., to_K, :], axis=-1)
    mean: Array = distances_K.mean(-1)
    return mean
