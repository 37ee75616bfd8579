import numpy as np
import pytest

from afgen.autoencoder.mesh.actions import ACTIONS, author_actions
from afgen.autoencoder.mesh.basis import load_basis
from afgen.autoencoder.mesh.measures import eye_openings, mouth_opening
from afgen.autoencoder.mesh.neutral import (
    CLOSED_MOUTH,
    clip_neutral,
    close_mouth,
    frame_measures,
    start_neutral,
    update_neutral,
)
from afgen.autoencoder.mesh.topology import LOWER_LIP_INNER, UPPER_LIP_INNER


@pytest.fixture(scope="module")
def basis():
    return load_basis()


@pytest.fixture(scope="module")
def actions(basis):
    assert "jaw_open" in ACTIONS
    return author_actions(basis.mean_N3, basis.jaw_N3)


@pytest.mark.parametrize("amount", [0.1, 0.5, 1.0])
def test_an_open_mouth_closes(basis, actions, amount):
    closed_N3 = close_mouth(basis.mean_N3 + amount * actions["jaw_open"], basis.jaw_N3)
    assert mouth_opening(closed_N3) <= CLOSED_MOUTH + 0.02
    assert (closed_N3[LOWER_LIP_INNER, 1] >= closed_N3[UPPER_LIP_INNER, 1] - 1e-12).all()


def test_a_closed_mouth_is_left_alone(basis):
    np.testing.assert_array_equal(close_mouth(basis.mean_N3, basis.jaw_N3), basis.mean_N3)


def test_closing_does_not_change_its_argument(basis, actions):
    open_N3 = basis.mean_N3 + actions["jaw_open"]
    before_N3 = open_N3.copy()
    close_mouth(open_N3, basis.jaw_N3)
    np.testing.assert_array_equal(open_N3, before_N3)


def test_the_neutral_of_a_clip_is_its_rest(basis, actions):
    rest = [basis.mean_N3] * 6
    busy = [basis.mean_N3 + actions[name] for name in ("jaw_open", "blink_left", "lips_part")] * 3
    neutral_N3 = clip_neutral(np.stack(busy + rest), np.zeros((15, 3)))
    np.testing.assert_allclose(neutral_N3, basis.mean_N3, atol=1e-9)


def test_the_running_neutral_forgets_a_blink_it_started_with(basis, actions):
    closed_N3 = basis.mean_N3 + actions["blink_left"] + actions["blink_right"]
    measures = [frame_measures(shape_N3, np.zeros(3)) for shape_N3 in (closed_N3, basis.mean_N3)]
    state = start_neutral(closed_N3, measures[0], basis.jaw_N3)
    for _ in range(25):
        state = update_neutral(state, basis.mean_N3, measures[1], basis.jaw_N3)
    assert eye_openings(state.neutral_N3) == pytest.approx(eye_openings(basis.mean_N3), rel=0.1)


def test_the_gallery_does_not_grow(basis):
    measures_4 = frame_measures(basis.mean_N3, np.zeros(3))
    state = start_neutral(basis.mean_N3, measures_4, basis.jaw_N3)
    for _ in range(100):
        state = update_neutral(state, basis.mean_N3, measures_4, basis.jaw_N3)
    assert len(state.shapes_GN3) == len(state.measures_G4) <= 32
