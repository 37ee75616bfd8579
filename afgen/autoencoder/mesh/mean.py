"""The mean shape: generalised Procrustes analysis of many faces, made symmetric."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from afgen.autoencoder.mesh.pose import solve_pose
from afgen.autoencoder.mesh.topology import (
    CHIN,
    FOREHEAD,
    LEFT_EAR,
    LEFT_EYE,
    RIGHT_EAR,
    RIGHT_EYE,
    RIGID,
    Indices,
)

Array = NDArray[np.float64]
ArrayIn = NDArray[np.floating[Any]]

_ROUNDS = 8


def mean_shape(landmarks_TN3: ArrayIn) -> Array:
    """Mean of all faces after aligning their rigid points with the mean's, repeated until still.

    Gower, "Generalized Procrustes analysis", Psychometrika 40 (1975). The result faces the camera
    upright, in face widths, with the mean of the rigid points as origin; shape (N, 3).
    """
    mean_N3 = canonical_frame(np.asarray(landmarks_TN3[0], dtype=np.float64))
    for _ in range(_ROUNDS):
        _, shapes_TN3 = solve_pose(landmarks_TN3, mean_N3)
        mean_N3 = canonical_frame(shapes_TN3.mean(0))
    return mean_N3


def canonical_frame(shape_N3: Array) -> Array:
    """Turn a shape to the camera, upright; unit the width of the face, origin the rigid mean."""
    across_3 = (
        shape_N3[LEFT_EYE.outer_corner]
        - shape_N3[RIGHT_EYE.outer_corner]
        + shape_N3[LEFT_EAR]
        - shape_N3[RIGHT_EAR]
    )
    across_3 /= np.linalg.norm(across_3)
    down_3 = shape_N3[CHIN] - shape_N3[FOREHEAD]
    down_3 = down_3 - across_3 * (across_3 @ down_3)
    down_3 /= np.linalg.norm(down_3)
    axes_33 = np.stack([across_3, down_3, np.cross(across_3, down_3)])
    turned_N3 = (shape_N3 - shape_N3[RIGID].mean(0)) @ axes_33.T
    upright: Array = turned_N3 / np.linalg.norm(turned_N3[LEFT_EAR] - turned_N3[RIGHT_EAR])
    return upright


def mirror(field_N3: ArrayIn, mirror_N: Indices) -> Array:
    """A shape or displacement as seen in a mirror, (..., N, 3)."""
    mirrored: Array = np.asarray(field_N3, dtype=np.float64)[..., mirror_N, :] * (-1.0, 1.0, 1.0)
    return mirrored


def symmetrise(field_N3: ArrayIn, mirror_N: Indices) -> Array:
    """The part of a shape or displacement that is its own mirror image, (..., N, 3)."""
    symmetric: Array = (field_N3 + mirror(field_N3, mirror_N)) / 2
    return symmetric
