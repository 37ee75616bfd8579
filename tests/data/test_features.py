import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afgen.autoencoder.mesh.basis import load_basis
from afgen.autoencoder.mesh.motion import MOTION_DIM
from afgen.clock import SAMPLES_PER_FRAME
from afgen.data.features import (
    TrackedClip,
    bridge_losses,
    features_of,
    load_features,
    load_tracked,
    save_features,
    save_tracked,
)
from afgen.errors import CorruptMediaError, UnusableClipError
from tests.autoencoder.mesh.faces import talking


@pytest.fixture
def clip():
    sound_S = np.random.default_rng(0).uniform(-0.5, 0.5, 30 * SAMPLES_PER_FRAME - 100)
    return TrackedClip(talking(30), sound_S.astype(np.float32))


def test_features_share_one_clock(clip):
    features = features_of(clip, load_basis())
    assert features.motion_TD.shape == (30, MOTION_DIM)
    assert features.mouth_T.shape == features.eyes_T.shape == (30,)
    assert features.audio_S.shape == (30 * SAMPLES_PER_FRAME,)
    np.testing.assert_array_equal(features.audio_S[: len(clip.audio_S)], clip.audio_S)
    assert not features.audio_S[len(clip.audio_S) :].any()


def test_a_clip_without_sound_is_silent(clip):
    silent = features_of(TrackedClip(clip.landmarks_TN3, None), load_basis())
    assert not silent.audio_S.any()


@settings(max_examples=20, deadline=None)
@given(start=st.integers(1, 20), length=st.integers(1, 3))
def test_short_losses_are_bridged_in_a_straight_line(start, length):
    ramp_TN3 = np.arange(40, dtype=np.float32)[:, None, None] * np.ones((1, 478, 3), np.float32)
    lost_TN3 = ramp_TN3.copy()
    lost_TN3[start : start + length] = np.nan
    np.testing.assert_allclose(bridge_losses(lost_TN3), ramp_TN3, atol=1e-4)


def test_losses_at_either_end_are_held(clip):
    lost_TN3 = clip.landmarks_TN3.copy()
    lost_TN3[0] = lost_TN3[-1] = np.nan
    bridged_TN3 = bridge_losses(lost_TN3)
    np.testing.assert_allclose(bridged_TN3[0], lost_TN3[1], rtol=1e-6)
    np.testing.assert_allclose(bridged_TN3[-1], lost_TN3[-2], rtol=1e-6)


@pytest.mark.parametrize("lost", [slice(5, 12), slice(0, 30, 3), slice(0, 30)])
def test_long_losses_make_a_clip_useless(clip, lost):
    clip.landmarks_TN3[lost] = np.nan
    with pytest.raises(UnusableClipError, match="lost"):
        features_of(clip, load_basis())


def test_a_very_short_clip_is_useless(clip):
    with pytest.raises(UnusableClipError, match="frames"):
        features_of(TrackedClip(clip.landmarks_TN3[:10], None), load_basis())


def test_tracked_clips_are_stored_whole(clip, tmp_path):
    save_tracked(clip, tmp_path / "clip.npz")
    again = load_tracked(tmp_path / "clip.npz")
    np.testing.assert_array_equal(again.landmarks_TN3, clip.landmarks_TN3)
    np.testing.assert_allclose(again.audio_S, clip.audio_S, atol=1e-4)
    save_tracked(TrackedClip(clip.landmarks_TN3, None), tmp_path / "silent.npz")
    assert load_tracked(tmp_path / "silent.npz").audio_S is None


def test_features_are_stored_whole(clip, tmp_path):
    features = features_of(clip, load_basis())
    save_features(features, tmp_path / "clip.npz")
    again = load_features(tmp_path / "clip.npz")
    np.testing.assert_array_equal(again.motion_TD, features.motion_TD)
    np.testing.assert_array_equal(again.audio_S, features.audio_S)


@pytest.mark.parametrize("kept", [0, 10, 5000])
def test_a_damaged_file_says_so(clip, tmp_path, kept):
    path = tmp_path / "clip.npz"
    save_tracked(clip, path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CorruptMediaError):
        load_tracked(path)


def test_another_file_says_what_it_lacks(tmp_path):
    np.savez(tmp_path / "other.npz", something=np.zeros(3))
    with pytest.raises(CorruptMediaError, match="motion_TD"):
        load_features(tmp_path / "other.npz")
