"""The 478-point face mesh: which landmark is where, its triangles and its mirror image.

Indices are those of the MediaPipe face mesh (Kartynnik et al., "Real-time Facial Surface Geometry
from Monocular Video on Mobile GPUs", 2019) with refined irises (468..477). Left and right are the
person's own; the person's right is on the left of the picture. Chains run from corner to corner.

Triangles and mirror pairs are stored once as an asset, so that nothing here needs the tracker;
`triangles_from_edges` and `mirror_from_shape` derive them.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.optimize import linear_sum_assignment

Indices = NDArray[np.intp]
Triangles = NDArray[np.int32]

LANDMARKS: Final = 478
SKIN_LANDMARKS: Final = 468  # the others are the irises
ASSETS: Final = Path(__file__).parent / "assets"
TOPOLOGY_FILE: Final = ASSETS / "topology.safetensors"


def _indices(*values: int) -> Indices:
    out = np.array(values, dtype=np.intp)
    out.setflags(write=False)
    return out


@dataclass(frozen=True, slots=True)
class EyePoints:
    """One eye. Lids run from the outer corner (first) to the inner corner (last), both included."""

    upper: Indices  # (9,)
    lower: Indices  # (9,) facing `upper` point by point
    iris_centre: int
    iris_ring: Indices  # (4,)

    @property
    def outer_corner(self) -> int:
        """Index of the corner towards the ear."""
        return int(self.upper[0])

    @property
    def inner_corner(self) -> int:
        """Index of the corner towards the nose."""
        return int(self.upper[-1])

    @property
    def loop(self) -> Indices:
        """The opening as a closed loop, each corner once (16,)."""
        return np.concatenate([self.upper, self.lower[-2:0:-1]])

    @property
    def iris(self) -> Indices:
        """Centre and ring (5,)."""
        return np.concatenate([_indices(self.iris_centre), self.iris_ring])


RIGHT_EYE: Final = EyePoints(
    upper=_indices(33, 246, 161, 160, 159, 158, 157, 173, 133),
    lower=_indices(33, 7, 163, 144, 145, 153, 154, 155, 133),
    iris_centre=468,
    iris_ring=_indices(469, 470, 471, 472),
)
LEFT_EYE: Final = EyePoints(
    upper=_indices(263, 466, 388, 387, 386, 385, 384, 398, 362),
    lower=_indices(263, 249, 390, 373, 374, 380, 381, 382, 362),
    iris_centre=473,
    iris_ring=_indices(474, 475, 476, 477),
)
EYES: Final = (RIGHT_EYE, LEFT_EYE)

# Lips, from the person's right corner to the left one.
UPPER_LIP_INNER: Final = _indices(78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_LIP_INNER: Final = _indices(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
UPPER_LIP_OUTER: Final = _indices(61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LOWER_LIP_OUTER: Final = _indices(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
MOUTH_LOOP: Final = np.concatenate([UPPER_LIP_INNER, LOWER_LIP_INNER[-2:0:-1]])  # (20,)
MOUTH_CORNERS: Final = _indices(61, 291)
INNER_CORNERS: Final = _indices(78, 308)

RIGHT_BROW: Final = _indices(70, 63, 105, 66, 107, 46, 53, 52, 65, 55)
LEFT_BROW: Final = _indices(300, 293, 334, 296, 336, 276, 283, 282, 295, 285)
CHIN: Final = 152
FOREHEAD: Final = 10
NOSE_TIP: Final = 4
RIGHT_EAR: Final = 234  # widest points of the outline: their distance is the unit of length
LEFT_EAR: Final = 454

# The outline, clockwise in the picture from the top of the forehead.
OVAL: Final = _indices(
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288),
    *(397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136),
    *(172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
# Points that expression moves least: forehead, temples, bridge of the nose, eye corners. They alone
# determine the pose (35).
RIGID: Final = _indices(
    *(10, 151, 9, 168, 6, 197, 195, 5, 4),
    *(109, 67, 103, 54, 21, 162, 127, 234, 33, 133, 108, 69, 193),
    *(338, 297, 332, 284, 251, 389, 356, 454, 263, 362, 337, 299, 417),
)


@dataclass(frozen=True, slots=True)
class Topology:
    """What the indices alone do not say. Arrays are read-only."""

    triangles_F3: Triangles  # 852 faces with holes for eyes and mouth, wound alike
    mirror: Indices  # landmark -> the landmark at its mirror image


@cache
def load_topology() -> Topology:
    """The stored triangles and mirror pairs."""
    stored = load_file(TOPOLOGY_FILE)
    triangles_F3 = stored["triangles"].astype(np.int32)
    mirror = stored["mirror"].astype(np.intp)
    triangles_F3.setflags(write=False)
    mirror.setflags(write=False)
    return Topology(triangles_F3, mirror)


def triangles_from_edges(edges: Iterable[tuple[int, int]]) -> Triangles:
    """Faces of a planar triangulated mesh from its edges alone, consistently wound.

    Three mutually joined points are a face unless they only surround other faces: around each
    nostril lies one such ring, known by its edges each having a face on either side already.
    """
    neighbours: dict[int, set[int]] = defaultdict(set)
    for a, b in edges:
        neighbours[a].add(b)
        neighbours[b].add(a)
    cliques = {
        (a, b, c)
        for a in neighbours
        for b in neighbours[a]
        for c in neighbours[a] & neighbours[b]
        if a < b < c
    }
    uses = Counter(side for clique in cliques for side in _sides(clique))
    faces = sorted(c for c in cliques if any(uses[side] < 3 for side in _sides(c)))
    return _wind(faces)


def _sides(face: tuple[int, int, int]) -> list[tuple[int, int]]:
    a, b, c = face
    return [(min(p, q), max(p, q)) for p, q in ((a, b), (b, c), (c, a))]


def _wind(faces: list[tuple[int, int, int]]) -> Triangles:
    """Turn faces so that a shared edge is always run through in opposite directions."""
    by_side: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, face in enumerate(faces):
        for side in _sides(face):
            by_side[side].append(number)
    wound: dict[int, tuple[int, int, int]] = {}
    for start in range(len(faces)):
        if start in wound:
            continue
        wound[start] = faces[start]
        waiting = deque([start])
        while waiting:
            number = waiting.popleft()
            a, b, c = wound[number]
            for p, q in ((a, b), (b, c), (c, a)):
                for other in by_side[min(p, q), max(p, q)]:
                    if other not in wound:
                        third = next(v for v in faces[other] if v not in (p, q))
                        wound[other] = (q, p, third)
                        waiting.append(other)
    return np.array([wound[number] for number in range(len(faces))], dtype=np.int32)


def mirror_from_shape(shape_N3: NDArray[np.floating[Any]]) -> Indices:
    """Which landmark is each one's mirror image, by the best matching of a roughly symmetric shape.

    `shape_N3` faces the camera upright with its middle plane at x = 0.
    """
    mirrored_N3 = shape_N3 * np.array([-1.0, 1.0, 1.0])
    cost_NN = np.linalg.norm(shape_N3[:, None] - mirrored_N3[None], axis=2)
    return _symmetric_matching(cost_NN + cost_NN.T)


def _symmetric_matching(cost_NN: NDArray[np.floating[Any]]) -> Indices:
    skin = slice(0, SKIN_LANDMARKS)  # irises lie over lids, so they are matched among themselves
    irises = slice(SKIN_LANDMARKS, None)
    partner_N = np.concatenate(
        [
            linear_sum_assignment(cost_NN[skin, skin])[1],
            linear_sum_assignment(cost_NN[irises, irises])[1] + SKIN_LANDMARKS,
        ]
    )
    partner: Indices = partner_N.astype(np.intp)
    return partner
