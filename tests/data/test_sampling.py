from dataclasses import replace

import numpy as np
import pytest

from afgen.data.families import Extras
from afgen.data.quality import GateConfig
from afgen.data.sampling import SampleConfig, samples_of
from afgen.data.watching import StretchConfig
from afgen.errors import UnusableClipError
from afgen.media.audio import write_wav
from tests.data.made import made_voice
from tests.data.recordings import alone, nobody, two_shots

pytestmark = pytest.mark.slow


def prepared(source, config=None):
    return list(samples_of(source, "0" * 64, config or SampleConfig(), Extras()))


def test_a_cut_ends_a_sample(tmp_path):
    before, after = prepared(two_shots(tmp_path / "shots.mp4"))
    assert (before.metadata["scene"], after.metadata["scene"]) == ([0, 30], [30, 60])
    assert after.metadata["start_frame"] == 30
    sound_S = np.concatenate([one.arrays["avatar_audio_S"] for one in (before, after)])
    assert np.abs(sound_S).max() > 3000
    assert len(sound_S) == 60 * 640


def test_long_stretches_are_cut_without_a_seam(tmp_path):
    source = alone(tmp_path / "alone.mp4", 60)
    (whole,) = prepared(source)
    parts = prepared(source, SampleConfig(stretches=StretchConfig(longest_frames=30)))
    for name in ("avatar_motion_TD", "avatar_audio_S", "avatar_mouth_T"):
        joined = np.concatenate([part.arrays[name] for part in parts])
        np.testing.assert_array_equal(joined, whole.arrays[name])


def test_a_voice_from_a_file_of_its_own_takes_the_place_of_the_recording_s(tmp_path):
    given_S = made_voice(40, [(20, 40)], seed=8)
    write_wav(tmp_path / "voice.wav", given_S)
    source = replace(alone(tmp_path / "alone.mp4", 40), voices=(tmp_path / "voice.wav",))
    (sample,) = prepared(source, SampleConfig(gates=GateConfig(sync=-1.0)))
    assert not sample.arrays["avatar_audio_S"][: 18 * 640].any()
    assert sample.arrays["avatar_speech_T"][22:].mean() > 0.8


def test_what_the_corpus_says_of_a_recording_goes_with_its_samples(tmp_path):
    facts = {"licence": "CC BY 4.0", "identity_group": "a"}
    (sample,) = prepared(replace(alone(tmp_path / "alone.mp4", 30), facts=facts))
    assert {name: sample.metadata[name] for name in facts} == facts
    assert sample.metadata["source"] == {"file": "alone.mp4", "sha256": "0" * 64}
    assert set(sample.metadata["measures"]) >= {"face_px", "yaw_deg", "lips", "tonality"}


def test_a_rejected_sample_keeps_its_reason_and_face_alone(tmp_path):
    strict = SampleConfig(gates=GateConfig(yaw_deg=0.0))
    (sample,) = prepared(alone(tmp_path / "alone.mp4", 30), strict)
    assert "turn of the head" in sample.metadata["rejected"]["yaw_deg"]
    assert list(sample.arrays) == ["avatar_thumbnail_jpeg_B"]


def test_nobody_in_view_is_no_sample(tmp_path):
    with pytest.raises(UnusableClipError, match=r"wall\.mp4"):
        prepared(nobody(tmp_path / "wall.mp4"))
