import numpy as np
import pytest

from afgen.autoencoder.mesh.basis import load_basis
from afgen.autoencoder.mesh.pose import Pose, euler_to_rotation, project
from afgen.autoencoder.mesh.rim import find_rim
from afgen.autoencoder.mesh.topology import OVAL, load_topology

MEAN = load_basis().mean_N3
TRIANGLES = load_topology().triangles_F3


def picture(yaw_deg: float) -> np.ndarray:
    turn = euler_to_rotation(np.radians([0.0, yaw_deg, 0.0]))
    return project(Pose(np.float64(200.0), turn, np.array([256.0, 256.0, 0.0])), MEAN)


def test_a_frontal_face_ends_at_its_outline() -> None:
    points = picture(0.0)
    rim = find_rim(points, TRIANGLES)
    assert set(rim.points) <= set(OVAL) | set(np.unique(TRIANGLES))
    assert np.abs(rim.looks_N2 - points[:, :2]).max() < 0.05 * 200


@pytest.mark.parametrize("yaw_deg", [30.0, -30.0])
def test_a_turned_face_ends_at_the_last_of_its_cheek_in_sight(yaw_deg: float) -> None:
    points = picture(yaw_deg)
    rim = find_rim(points, TRIANGLES)
    side = np.sign(yaw_deg)
    outline, border = points[OVAL, 0] * side, points[rim.points, 0] * side
    assert border.max() >= (points[:468, 0] * side).max() - 1.0  # nothing of the skin beyond it
    assert border.max() > outline.max() + 1.0


@pytest.mark.parametrize("yaw_deg", [35.0, -20.0, 0.0])
def test_the_rim_is_a_simple_loop_around_the_face(yaw_deg: float) -> None:
    points = picture(yaw_deg)
    rim = find_rim(points, TRIANGLES).points
    assert len(np.unique(rim)) == len(rim) >= 20
    offset = points[rim, :2] - points[OVAL, :2].mean(0)
    angles = np.unwrap(np.arctan2(offset[:, 1], offset[:, 0]))
    assert np.all(np.diff(angles) > 0) or np.all(np.diff(angles) < 0)


def test_what_is_hidden_takes_the_rims_colour() -> None:
    points = picture(30.0)
    rim = find_rim(points, TRIANGLES)
    moved = np.flatnonzero(np.any(rim.looks_N2 != points[:, :2], axis=1))
    assert set(moved) & set(OVAL)
    seen = points[rim.points, :2]
    for landmark in moved:
        assert np.linalg.norm(seen - rim.looks_N2[landmark], axis=1).min() < 0.05 * 200
