import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afgen.autoencoder.mesh.basis import load_basis
from afgen.autoencoder.mesh.measures import eye_openings, mouth_opening, mouth_width
from afgen.autoencoder.mesh.pose import Pose, euler_to_rotation, project


@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(20, 500))
def test_openings_do_not_depend_on_the_pose(pitch, yaw, scale):
    mean_N3 = load_basis().mean_N3
    rotation_33 = euler_to_rotation(np.array([pitch, yaw, 0.1]))
    seen_N3 = project(Pose(np.float64(scale), rotation_33, np.array([5.0, 6, 7])), mean_N3)
    assert mouth_opening(seen_N3) == pytest.approx(mouth_opening(mean_N3), rel=1e-6)
    assert eye_openings(seen_N3) == pytest.approx(eye_openings(mean_N3), rel=1e-6)
    assert mouth_width(seen_N3) == pytest.approx(scale * mouth_width(mean_N3), rel=1e-6)


def test_batches():
    mean_N3 = load_basis().mean_N3
    batch = np.stack([mean_N3, 2 * mean_N3])
    assert mouth_opening(batch).shape == (2,)
    assert eye_openings(batch).shape == (2, 2)
    np.testing.assert_allclose(mouth_opening(batch), mouth_opening(mean_N3))
