import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from afgen.autoencoder.mesh.basis import load_basis
from afgen.autoencoder.mesh.pose import (
    Pose,
    euler_to_rotation,
    project,
    rotation_to_euler,
    solve_pose,
    unproject,
)
from afgen.autoencoder.mesh.topology import NOSE_TIP, RIGID

angles = arrays(np.float64, 3, elements=st.floats(-1.2, 1.2))
shifts = arrays(np.float64, 3, elements=st.floats(-2000, 2000))
scales = st.floats(5, 3000).map(np.float64)


@given(angles)
def test_euler_round_trip(angles_3):
    np.testing.assert_allclose(rotation_to_euler(euler_to_rotation(angles_3)), angles_3, atol=1e-9)


@given(angles)
def test_rotations_are_rotations(angles_3):
    rotation_33 = euler_to_rotation(angles_3)
    np.testing.assert_allclose(rotation_33 @ rotation_33.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation_33) > 0


@given(angles, scales, shifts)
def test_a_projected_head_is_solved_exactly(angles_3, scale, shift_3):
    mean_N3 = load_basis().mean_N3
    truth = Pose(scale, euler_to_rotation(angles_3), shift_3)
    solved, shape_N3 = solve_pose(project(truth, mean_N3), mean_N3)
    np.testing.assert_allclose(solved.rotation_33, truth.rotation_33, atol=1e-7)
    np.testing.assert_allclose(solved.scale, scale, rtol=1e-7)
    np.testing.assert_allclose(solved.translation_3, shift_3, atol=1e-6 * scale + 1e-6)
    np.testing.assert_allclose(shape_N3, mean_N3, atol=1e-7)


def test_only_the_rigid_points_determine_the_pose():
    mean_N3 = load_basis().mean_N3
    moved_N3 = mean_N3 + np.random.default_rng(0).normal(0, 0.1, mean_N3.shape)
    moved_N3[RIGID] = mean_N3[RIGID]
    pose, _ = solve_pose(moved_N3, mean_N3)
    np.testing.assert_allclose(pose.rotation_33, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(pose.scale, 1.0)


def test_a_mirrored_face_is_not_solved_by_a_reflection():
    mean_N3 = load_basis().mean_N3
    pose, _ = solve_pose(mean_N3 * (1, 1, -1), mean_N3)
    assert np.linalg.det(pose.rotation_33) > 0


def test_batches_are_solved_row_by_row():
    mean_N3 = load_basis().mean_N3
    rng = np.random.default_rng(1)
    faces_TN3 = 100 * (mean_N3 + rng.normal(0, 0.01, (4, *mean_N3.shape)))
    poses, shapes_TN3 = solve_pose(faces_TN3, mean_N3)
    for row, face_N3 in enumerate(faces_TN3):
        alone, shape_N3 = solve_pose(face_N3, mean_N3)
        np.testing.assert_allclose(poses[row].rotation_33, alone.rotation_33, atol=1e-12)
        np.testing.assert_allclose(shapes_TN3[row], shape_N3, atol=1e-12)


def test_unproject_undoes_project():
    mean_N3 = load_basis().mean_N3
    pose = Pose(
        np.float64(50), euler_to_rotation(np.array([0.1, -0.2, 0.3])), np.array([4.0, 5, 6])
    )
    np.testing.assert_allclose(unproject(pose, project(pose, mean_N3)), mean_N3, atol=1e-12)


def test_signs_of_angles_are_as_documented():
    mean_N3 = load_basis().mean_N3

    def nose(pitch=0.0, yaw=0.0, roll=0.0):
        rotation_33 = euler_to_rotation(np.array([pitch, yaw, roll]))
        return project(Pose(np.float64(1), rotation_33, np.zeros(3)), mean_N3)

    rest_N3 = nose()
    assert nose(pitch=0.2)[NOSE_TIP, 1] > rest_N3[NOSE_TIP, 1]
    assert nose(yaw=0.2)[NOSE_TIP, 0] > rest_N3[NOSE_TIP, 0]
    top, chin = 10, 152
    tipped_N3 = nose(roll=0.2)
    assert tipped_N3[top, 0] > tipped_N3[chin, 0]
