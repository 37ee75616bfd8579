import copy
import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afgen.autoencoder.mesh.actions import Controls
from afgen.autoencoder.mesh.basis import load_basis
from afgen.autoencoder.mesh.encode import EncoderState, MeshEncoder, encode_clip
from afgen.autoencoder.mesh.measures import eye_openings, mouth_opening
from afgen.autoencoder.mesh.motion import EXPRESSION, MOTION_DIM, PITCH, POSE, YAW
from afgen.signals import FaceView
from tests.autoencoder.mesh.faces import picture, talking

NO_PICTURE = np.zeros((1, 1, 3), np.uint8)


def stream(landmarks_TN3, state=None, first=0):
    encoder, rows = MeshEncoder(load_basis()), []
    for frame, landmarks_N3 in enumerate(landmarks_TN3, first):
        motion_D, state = encoder.encode(FaceView(frame, NO_PICTURE, landmarks_N3), state)
        rows.append(motion_D)
    return np.stack(rows), state


@pytest.fixture(scope="module", name="clip_TN3")
def _clip():
    return talking(100)


def openings(motion_TD):
    basis = load_basis()
    shapes_TN3 = basis.mean_N3 + basis.displacement(motion_TD[:, EXPRESSION])
    return mouth_opening(shapes_TN3), eye_openings(shapes_TN3).mean(-1)


@settings(max_examples=10, deadline=None)
@given(cut=st.integers(1, 59), seed=st.integers(0, 9))
def test_the_future_changes_nothing(cut, seed):
    clip_TN3 = talking(60)
    other_TN3 = np.concatenate([clip_TN3[:cut], talking(60 - cut, seed=seed + 1) * 1.1])
    np.testing.assert_array_equal(stream(clip_TN3)[0][:cut], stream(other_TN3)[0][:cut])


@pytest.mark.parametrize("cut", [1, 13, 50])
def test_a_stream_may_be_stopped_and_gone_on_with(clip_TN3, cut):
    whole_TD, _ = stream(clip_TN3)
    first_TD, state = stream(clip_TN3[:cut])
    second_TD, _ = stream(clip_TN3[cut:], state, first=cut)
    np.testing.assert_array_equal(np.concatenate([first_TD, second_TD]), whole_TD)


def test_a_state_is_not_changed_by_use(clip_TN3):
    _, state = stream(clip_TN3[:40])
    before = copy.deepcopy(state)
    stream(clip_TN3[40:], state, first=40)
    _assert_same(state, before)


def _assert_same(one, other):
    for field in dataclasses.fields(one):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if dataclasses.is_dataclass(left):
            _assert_same(left, right)
        else:
            np.testing.assert_array_equal(left, right)


def test_two_people_do_not_disturb_each_other(clip_TN3):
    alone_TD, _ = stream(clip_TN3[:30])
    encoder = MeshEncoder(load_basis())
    states: list[EncoderState | None] = [None, None]
    rows = []
    for frame, (one, other) in enumerate(
        zip(clip_TN3[:30], talking(30, seed=5) + 300, strict=True)
    ):
        motion_D, states[0] = encoder.encode(FaceView(frame, NO_PICTURE, one), states[0])
        _, states[1] = encoder.encode(FaceView(frame, NO_PICTURE, other), states[1])
        rows.append(motion_D)
    np.testing.assert_array_equal(np.stack(rows), alone_TD)


def test_motion_does_not_depend_on_size_and_place_in_the_picture(clip_TN3):
    here_TD, _ = stream(clip_TN3)
    there_TD, _ = stream(clip_TN3 * 3 + np.float32([900, 50, 7]))
    np.testing.assert_allclose(there_TD, here_TD, atol=2e-3)


def test_mouth_and_lids_stay_crisp(clip_TN3):
    truth_mouth_T, truth_eyes_T = mouth_opening(clip_TN3), eye_openings(clip_TN3).mean(-1)
    mouth_T, eyes_T = openings(stream(clip_TN3)[0])
    assert np.corrcoef(mouth_T, truth_mouth_T)[0, 1] > 0.95
    assert np.corrcoef(eyes_T, truth_eyes_T)[0, 1] > 0.9
    assert mouth_T.max() > 0.8 * truth_mouth_T.max()
    assert eyes_T.min() < truth_eyes_T.min() + 0.08


def test_turns_of_the_head_are_found_and_signed():
    clip_TN3 = np.stack(
        [picture(Controls())] * 50 + [picture(Controls(yaw_deg=6, pitch_deg=-3))] * 15
    )
    motion_TD, _ = stream(clip_TN3)
    assert motion_TD[-1, YAW] == pytest.approx(2, abs=0.6)
    assert motion_TD[-1, PITCH] == pytest.approx(-1, abs=0.4)


def test_starting_with_an_open_mouth_settles_on_a_closed_one():
    rest, said = Controls(), Controls({"jaw_open": 0.5})
    clip_TN3 = np.stack([picture(said)] * 5 + [picture(rest)] * 40 + [picture(said)] * 5)
    mouth_T, _ = openings(stream(clip_TN3)[0])
    assert mouth_T[0] > 0.15  # from the first frame on, an open mouth is an open mouth
    assert mouth_T[44] < 0.05
    assert mouth_T[-1] > 0.2


def test_a_still_face_at_rest_gives_no_motion():
    motion_TD, _ = stream(np.stack([picture(Controls())] * 10))
    np.testing.assert_allclose(motion_TD, 0, atol=0.02)


def test_the_estimates_settle(clip_TN3):
    looped_TN3 = np.concatenate([clip_TN3, clip_TN3])
    _, at_four_seconds = stream(clip_TN3)
    _, at_eight_seconds = stream(looped_TN3)
    drift_N3 = at_eight_seconds.neutral.neutral_N3 - at_four_seconds.neutral.neutral_N3
    assert np.abs(drift_N3).max() < 0.01  # of a face's width


def test_a_whole_clip_is_encoded_without_delay(clip_TN3):
    clip = encode_clip(clip_TN3, load_basis())
    mouth_T, eyes_T = openings(clip.motion_TD)
    assert clip.motion_TD.shape == (len(clip_TN3), MOTION_DIM)
    assert clip.motion_TD.dtype == np.float32
    assert np.corrcoef(mouth_T, clip.mouth_T)[0, 1] > 0.98
    assert np.corrcoef(eyes_T, clip.eyes_T)[0, 1] > 0.95
    assert mouth_opening(clip.neutral_N3) < 0.05


def test_a_clip_and_its_stream_agree_once_settled(clip_TN3):
    clip_TD = encode_clip(clip_TN3, load_basis()).motion_TD
    stream_TD, _ = stream(clip_TN3)
    apart_TD = np.abs(clip_TD - stream_TD)[50:]
    assert apart_TD[:, POSE].mean() < 0.4
    assert apart_TD[:, EXPRESSION].mean() < 0.4
