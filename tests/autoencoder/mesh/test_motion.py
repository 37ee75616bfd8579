import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from afgen.autoencoder.mesh.motion import (
    EXPRESSION,
    MOTION_DIM,
    POSE,
    POSE_SCALES,
    MotionLimits,
    apply_pose,
    limit_motion,
    pose_motion,
)
from afgen.autoencoder.mesh.pose import Pose, euler_to_rotation

REST = Pose(np.float64(150), euler_to_rotation(np.radians([3.0, -8, 5])), np.array([90.0, 70, 4]))
motions = arrays(np.float64, MOTION_DIM, elements=st.floats(-6, 6))
wild = arrays(np.float64, MOTION_DIM, elements=st.floats(-1e4, 1e4))


@given(motions)
def test_pose_and_motion_are_inverse(motion_D):
    pose_6 = pose_motion(apply_pose(motion_D, REST), REST)
    np.testing.assert_allclose(pose_6, motion_D[POSE], atol=1e-6)


def test_no_motion_is_rest():
    pose = apply_pose(np.zeros(MOTION_DIM), REST)
    np.testing.assert_allclose(pose.rotation_33, REST.rotation_33)
    np.testing.assert_allclose(pose.translation_3, REST.translation_3)
    assert pose.scale == pytest.approx(REST.scale)


@given(wild)
def test_limits_hold_and_keep_signs(motion_D):
    limits = MotionLimits()
    bent_D = limit_motion(motion_D, limits)
    assert (np.abs(bent_D[:3] * POSE_SCALES[:3]) <= limits.angle_rad + 1e-9).all()
    assert (np.abs(bent_D[EXPRESSION]) <= limits.coefficient + 1e-9).all()
    assert (np.sign(bent_D) == np.sign(motion_D)).all()
    assert (np.abs(bent_D) <= np.abs(motion_D) + 1e-9).all()


def test_small_motion_is_not_touched():
    motion_D = np.full(MOTION_DIM, 1.5)
    np.testing.assert_allclose(limit_motion(motion_D), motion_D)


@given(st.floats(0, 100), st.floats(1e-3, 10))
def test_more_motion_never_becomes_less(amount, more):
    small, large = np.full(MOTION_DIM, amount), np.full(MOTION_DIM, amount + more)
    assert (limit_motion(large) >= limit_motion(small)).all()
