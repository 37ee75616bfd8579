import numpy as np
import pytest

from afgen.autoencoder.mesh.actions import ACTIONS, Controls, author_actions
from afgen.autoencoder.mesh.basis import load_basis
from afgen.autoencoder.mesh.mean import mirror
from afgen.autoencoder.mesh.measures import eye_openings, mouth_opening, mouth_width
from afgen.autoencoder.mesh.motion import EXPRESSION, MOTION_DIM, POSE
from afgen.autoencoder.mesh.topology import (
    EYES,
    LEFT_BROW,
    LEFT_EYE,
    LOWER_LIP_OUTER,
    MOUTH_CORNERS,
    RIGHT_EYE,
    RIGID,
    UPPER_LIP_OUTER,
    load_topology,
)
from afgen.errors import OptionError

LEFT_RIGHT = {"blink_left": "blink_right", "blink_right": "blink_left"}


@pytest.fixture(scope="module")
def actions():
    basis = load_basis()
    return author_actions(basis.mean_N3, basis.jaw_N3)


@pytest.fixture(scope="module", name="mean_N3")
def _mean():
    return load_basis().mean_N3


@pytest.mark.parametrize("name", ACTIONS)
def test_the_rigid_points_stay(actions, name):
    assert not actions[name][RIGID].any()


@pytest.mark.parametrize("name", [name for name in ACTIONS if name not in {*LEFT_RIGHT, "gaze_x"}])
def test_actions_are_symmetric(actions, name):
    mirrored_N3 = mirror(actions[name], load_topology().mirror)
    np.testing.assert_allclose(mirrored_N3, actions[name], atol=1e-6)


def test_one_sided_actions_mirror_each_other(actions):
    pairs = load_topology().mirror
    np.testing.assert_allclose(
        mirror(actions["blink_left"], pairs), actions["blink_right"], atol=1e-6
    )
    np.testing.assert_allclose(mirror(actions["gaze_x"], pairs), -actions["gaze_x"], atol=1e-6)


@pytest.mark.parametrize("name", ACTIONS)
def test_the_basis_can_say_every_action(actions, name):
    basis = load_basis()
    said_N3 = basis.displacement(basis.coefficients(actions[name]))
    missed = np.linalg.norm((said_N3 - actions[name]) * basis.weights_N3)
    assert missed < 0.12 * np.linalg.norm(actions[name] * basis.weights_N3)


def test_jaw_and_lips_open_the_mouth(actions, mean_N3):
    closed = mouth_opening(mean_N3)
    assert mouth_opening(mean_N3 + actions["jaw_open"]) > closed + 0.4
    assert mouth_opening(mean_N3 + actions["lips_part"]) > closed + 0.05
    chin = 152
    assert actions["jaw_open"][chin, 1] > 0.05 > abs(actions["lips_part"][chin, 1])


def test_width_of_the_mouth(actions, mean_N3):
    rest = mouth_width(mean_N3)
    assert mouth_width(mean_N3 + actions["lip_pucker"]) < 0.75 * rest
    assert mouth_width(mean_N3 + actions["lip_stretch"]) > 1.15 * rest
    assert mouth_width(mean_N3 + actions["smile"]) > 1.15 * rest


def test_pressed_lips_are_thin(actions, mean_N3):
    pressed_N3 = mean_N3 + actions["lip_press"]
    middle = 5

    def height(shape_N3):
        return shape_N3[LOWER_LIP_OUTER[middle], 1] - shape_N3[UPPER_LIP_OUTER[middle], 1]

    assert height(pressed_N3) < 0.7 * height(mean_N3)


def test_corners_rise_in_a_smile_and_fall_in_a_frown(actions):
    assert (actions["smile"][MOUTH_CORNERS, 1] < -0.02).all()
    assert (actions["frown"][MOUTH_CORNERS, 1] > 0.02).all()


def test_brows(actions):
    assert actions["brow_raise"][LEFT_BROW, 1].mean() < -0.02
    assert actions["brow_lower"][LEFT_BROW, 1].mean() > 0.01


def test_eyes_close_one_by_one(actions, mean_N3):
    right, left = eye_openings(mean_N3)
    assert eye_openings(mean_N3 + actions["blink_right"]) == pytest.approx([0, left], abs=1e-3)
    assert eye_openings(mean_N3 + actions["blink_left"]) == pytest.approx([right, 0], abs=1e-3)


def test_eyes_narrow_and_widen(actions, mean_N3):
    rest = eye_openings(mean_N3).mean()
    narrow, wide = (eye_openings(mean_N3 + actions[name]).mean() for name in ("squint", "wide"))
    assert narrow < 0.7 * rest < rest < 0.9 * wide


def test_gaze_moves_the_irises_alone(actions):
    for eye in EYES:
        assert (actions["gaze_x"][eye.iris, 0] > 0.02).all()
        assert (actions["gaze_y"][eye.iris, 1] > 0.01).all()
    others = np.setdiff1d(np.arange(478), np.concatenate([RIGHT_EYE.iris, LEFT_EYE.iris]))
    assert not actions["gaze_x"][others].any()


def test_controls_add_up():
    both = Controls({"smile": 0.5, "jaw_open": 0.2}).motion()
    apart = Controls({"smile": 0.5}).motion() + Controls({"jaw_open": 0.2}).motion()
    np.testing.assert_allclose(both, apart, atol=1e-5)
    assert both.shape == (MOTION_DIM,)
    assert both.dtype == np.float32


def test_controls_turn_the_head_without_expression():
    motion_D = Controls(yaw_deg=6, zoom=1.1).motion()
    assert not motion_D[EXPRESSION].any()
    assert motion_D[POSE] == pytest.approx([0, 2, 0, np.log(1.1) / 0.02, 0, 0], abs=1e-5)


def test_an_unknown_action_is_named():
    with pytest.raises(OptionError, match="wiggle"):
        Controls({"wiggle_ears": 1.0}).motion()
