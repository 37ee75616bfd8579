"""The rim of a face as pictured: where skin ends and what is behind begins.

A face seen from the front ends at the outline of the mesh. Turned, its far cheek curves out of
sight: the outline there lies behind the cheek, and the rim runs along the last landmarks that are
seen. What lies beyond them was never pictured; it gets the colour of the rim, so that a head that
turns back shows more cheek and not what the picture had in its place.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from afgen.autoencoder.mesh.curves import Array
from afgen.autoencoder.mesh.topology import LANDMARKS, OVAL, Indices, Triangles

INSET: Final = 0.02  # of the way to the face's middle: where the rim's colour is taken


@dataclass(frozen=True, slots=True)
class Rim:
    """The border between face and surroundings in one portrait."""

    points: Indices  # (O,) landmarks around the face, in order of their angle
    looks_N2: Array  # where each landmark takes its colour, in the unit of the landmarks


def find_rim(landmarks_N3: Array, triangles_F3: Triangles) -> Rim:
    """The rim of a face in a picture; `triangles_F3` are wound alike."""
    points_N2 = landmarks_N3[:, :2]
    hidden_N, edge_N = _hidden(points_N2, triangles_F3)
    looks_N2 = points_N2.copy()
    if not hidden_N.any():
        return Rim(OVAL, looks_N2)
    edge = np.flatnonzero(edge_N)
    hidden = np.flatnonzero(hidden_N)
    apart = np.linalg.norm(points_N2[hidden, None] - points_N2[None, edge], axis=2)
    nearest = edge[apart.argmin(1)]
    middle_2 = points_N2[OVAL].mean(0)
    looks_N2[hidden] = points_N2[nearest] + INSET * (middle_2 - points_N2[nearest])
    replaced = np.arange(LANDMARKS)
    replaced[hidden] = nearest
    return Rim(_by_angle(np.union1d(replaced[OVAL], edge), points_N2, middle_2), looks_N2)


def _hidden(
    points_N2: Array, triangles_F3: Triangles
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Landmarks out of sight around the outline, and the last ones in sight next to them."""
    a, b, c = (points_N2[triangles_F3[:, k]] for k in range(3))
    area_F = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    faces_us_F = area_F * np.sign(area_F.sum()) > 0
    seen_N = np.zeros(LANDMARKS, dtype=bool)
    seen_N[triangles_F3[faces_us_F]] = True
    away_F3 = triangles_F3[~faces_us_F]
    hidden_N = np.zeros(LANDMARKS, dtype=bool)
    hidden_N[OVAL] = ~seen_N[OVAL]
    while True:  # spread from the outline inwards: folds of nose and lips are none of the rim's
        beside_F = hidden_N[away_F3].any(1)
        touched_N = np.zeros(LANDMARKS, dtype=bool)
        touched_N[away_F3[beside_F]] = True
        grown_N = hidden_N | (touched_N & ~seen_N)
        if np.array_equal(grown_N, hidden_N):
            return hidden_N, touched_N & seen_N
        hidden_N = grown_N


def _by_angle(rim: Indices, points_N2: Array, middle_2: Array) -> Indices:
    offset_O2 = points_N2[rim] - middle_2
    return rim[np.argsort(np.arctan2(offset_O2[:, 1], offset_O2[:, 0]), kind="stable")]
