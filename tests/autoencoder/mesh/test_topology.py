from collections import Counter

import numpy as np
import pytest

from afgen.autoencoder.mesh.basis import load_basis
from afgen.autoencoder.mesh.topology import (
    LANDMARKS,
    LEFT_BROW,
    LEFT_EYE,
    LOWER_LIP_INNER,
    MOUTH_LOOP,
    OVAL,
    RIGHT_BROW,
    RIGHT_EYE,
    RIGID,
    SKIN_LANDMARKS,
    UPPER_LIP_INNER,
    UPPER_LIP_OUTER,
    load_topology,
    mirror_from_shape,
    triangles_from_edges,
)


def _directed_sides(triangles_F3):
    return [
        (a, b)
        for face in triangles_F3.tolist()
        for a, b in zip(face, face[1:] + face[:1], strict=True)
    ]


def test_triangles_cover_the_skin_with_three_holes():
    triangles_F3 = load_topology().triangles_F3
    assert triangles_F3.shape == (852, 3)
    assert set(np.unique(triangles_F3)) == set(range(SKIN_LANDMARKS))
    uses = Counter(tuple(sorted(side)) for side in _directed_sides(triangles_F3))
    border = {point for side, count in uses.items() if count == 1 for point in side}
    assert set(uses.values()) == {1, 2}
    assert border == {*RIGHT_EYE.loop, *LEFT_EYE.loop, *MOUTH_LOOP, *OVAL}


def test_triangles_are_wound_alike():
    sides = Counter(_directed_sides(load_topology().triangles_F3))
    assert max(sides.values()) == 1


def test_triangles_face_the_camera():
    mean_N3 = load_basis().mean_N3
    a, b, c = np.moveaxis(mean_N3[load_topology().triangles_F3], 1, 0)
    assert (np.cross(b - a, c - a)[:, 2] > 0).mean() > 0.99


def test_faces_come_from_edges_alone():
    # Two triangles side by side, and a ring of three around an inner point: the ring is no face.
    edges = [(0, 1), (1, 2), (2, 0), (3, 0), (3, 1), (3, 2), (4, 0), (4, 1)]
    edges += [(5, 1), (5, 2), (6, 2), (6, 0)]
    faces = {tuple(sorted(face)) for face in triangles_from_edges(edges).tolist()}
    assert faces == {(0, 1, 3), (1, 2, 3), (0, 2, 3), (0, 1, 4), (1, 2, 5), (0, 2, 6)}


@pytest.mark.slow
def test_the_stored_triangles_are_those_of_the_tracker():
    connections = pytest.importorskip("mediapipe.python.solutions.face_mesh_connections")
    derived_F3 = triangles_from_edges(connections.FACEMESH_TESSELATION)
    stored = {tuple(sorted(face)) for face in load_topology().triangles_F3.tolist()}
    assert {tuple(sorted(face)) for face in derived_F3.tolist()} == stored


def test_mirror_is_its_own_inverse_and_keeps_the_middle():
    mirror = load_topology().mirror
    assert (mirror[mirror] == np.arange(LANDMARKS)).all()
    assert {int(point) for point in np.flatnonzero(mirror == np.arange(LANDMARKS))} >= {10, 1, 152}


def test_mirror_swaps_left_and_right():
    mirror = load_topology().mirror
    assert (mirror[RIGHT_EYE.upper] == LEFT_EYE.upper).all()
    assert (mirror[RIGHT_EYE.lower] == LEFT_EYE.lower).all()
    assert mirror[RIGHT_EYE.iris_centre] == LEFT_EYE.iris_centre
    assert (mirror[RIGHT_BROW] == LEFT_BROW).all()
    assert (mirror[UPPER_LIP_OUTER] == UPPER_LIP_OUTER[::-1]).all()
    assert set(mirror[RIGID]) == set(RIGID)


def test_mirror_comes_from_the_mean_shape():
    assert (mirror_from_shape(load_basis().mean_N3) == load_topology().mirror).all()


def test_lip_points_face_each_other():
    mean_N3 = load_basis().mean_N3
    upper, lower = mean_N3[UPPER_LIP_INNER], mean_N3[LOWER_LIP_INNER]
    assert (lower[3:-3, 1] > upper[3:-3, 1]).all()  # towards the corners closed lips touch
    assert np.abs(lower[:, 0] - upper[:, 0]).max() < 0.02
