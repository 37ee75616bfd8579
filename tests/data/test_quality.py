import numpy as np
import pytest

from afgen.autoencoder.mesh.basis import load_basis
from afgen.autoencoder.mesh.pose import Pose, euler_to_rotation, project
from afgen.data.quality import (
    GateConfig,
    face_measures,
    gates_of,
    overlap_of,
    rejections,
    sync_measures,
    tonality_of,
    worst_of,
)
from afgen.data.voices import tones
from afgen.media.decode import decode_samples
from afgen.signals import to_samples
from tests.data.made import made_voice
from tests.shared import SHARED, needs_corpus

GATES = gates_of(GateConfig())


def turned(yaw_deg, pitch_deg, frames=20):
    angles = np.radians([pitch_deg, yaw_deg, 0.0])
    pose = Pose(np.float64(150.0), euler_to_rotation(angles), np.array([240.0, 200.0, 0.0]))
    shape_N3 = load_basis().mean_N3
    return np.repeat(project(pose, shape_N3)[None], frames, axis=0).astype(np.float32)


def test_size_and_pose_of_a_face():
    seen_T = np.ones(20, np.bool_)
    seen_T[:2] = False
    measures = face_measures(turned(-30, 12), seen_T, load_basis().mean_N3)
    assert measures["yaw_deg"] == pytest.approx(30, abs=0.1)
    assert measures["pitch_deg"] == pytest.approx(12, abs=0.1)
    assert measures["bridged"] == pytest.approx(0.1)
    assert 120 < measures["face_px"] < 250


def speaking(lag, frames=150):
    """A voice, and a mouth that follows its level `lag` frames later."""
    audio_S = to_samples(made_voice(frames, [(10, 50), (65, 110)]))
    level_T = np.sqrt((audio_S.reshape(frames, -1) / 32768.0) ** 2).mean(axis=1)
    mouth_T = np.roll(level_T, lag).astype(np.float32)
    speech_T = np.zeros(frames, np.bool_)
    speech_T[10:50] = speech_T[65:110] = True
    return mouth_T, audio_S, speech_T


@pytest.mark.parametrize("lag", [-8, -2, 0, 1, 7])
def test_a_late_mouth_is_found(lag):
    mouth_T, audio_S, speech_T = speaking(lag)
    measures = sync_measures(mouth_T, np.full(150, -3.8, np.float32), audio_S, speech_T)
    assert measures["lips"] == pytest.approx(-3.8)
    if abs(lag) <= 2:
        assert measures["sync"] > 0.7
        assert measures["sync_lag"] == 0
    else:
        assert measures["sync_lag"] == abs(lag)
        assert "sync_lag" in rejections(measures, GATES)


def test_lips_at_rest_under_a_voice_are_found():
    mouth_T, audio_S, speech_T = speaking(0)
    measures = sync_measures(mouth_T * 0, np.full(150, -5.7, np.float32), audio_S, speech_T)
    assert set(rejections(measures, GATES)) == {"lips"}


def test_without_speech_nothing_is_said_of_sync():
    mouth_T, audio_S, speech_T = speaking(0)
    assert sync_measures(mouth_T, mouth_T, audio_S, speech_T & False) == {}
    assert overlap_of(speech_T & False, speech_T & False) == {}


def test_overlap_is_a_share_of_all_speech():
    first_T, second_T = np.zeros((2, 100), np.bool_)
    first_T[:50] = second_T[25:75] = True
    assert overlap_of(first_T, second_T)["overlap"] == pytest.approx(1 / 3)


def test_music_holds_its_tones_and_a_voice_does_not():
    rng = np.random.default_rng(0)
    music_S = to_samples((0.2 * tones(64_000, rng)).astype(np.float32))
    voice_S = to_samples(made_voice(100, [(5, 95)]))
    assert tonality_of(music_S)["tonality"] > 0.6
    assert tonality_of(voice_S)["tonality"] < 0.1
    assert tonality_of(np.zeros(64_000, np.int16)) == {}


@needs_corpus
def test_real_speech_is_not_taken_for_music():
    path = SHARED / "corpus/grid/s1/bbaf2n.mp4"
    assert tonality_of(decode_samples(path)[0])["tonality"] < 0.1


def test_a_reason_names_the_measure_and_its_limit():
    reasons = rejections({"face_px": 40.0, "yaw_deg": 12.0}, GATES)
    assert reasons == {"face_px": "height of the face in pixels 40 is below 64"}
    assert rejections({}, GATES) == {}


def test_the_worse_side_counts():
    sides = [{"face_px": 90.0, "yaw_deg": 10.0}, {"face_px": 200.0, "yaw_deg": 30.0}, {}]
    assert worst_of(sides, GATES) == {"face_px": 90.0, "yaw_deg": 30.0}
