from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from afgen.conditions.wav2vec2.hugging_face import config_from_hugging_face, from_hugging_face
from afgen.conditions.wav2vec2.moments import nothing_heard
from afgen.conditions.wav2vec2.network import Wav2Vec2Network, frames_of
from afgen.conditions.wav2vec2.whole import WholeConfig, WholeWav2Vec2, interpolated
from afgen.signals import Floats, Samples
from tests.conditions.wav2vec2.tiny import A, network, normalised, torchaudio_model, voice
from tests.rule_made import TINY_WAV2VEC2, by_rule, wav2vec2_layout

FEATURES = WholeWav2Vec2(network())
WINDOWED = WholeWav2Vec2(network(), WholeConfig(window_frames=40, margin_frames=12))
REFERENCE = Path(__file__).with_name("transformers_rows.npz")


def by_torchaudio(audio_S: Samples) -> Floats:
    """The published order of things with torchaudio's model and torch's interpolation."""
    model = torchaudio_model()
    heard_1LC, _ = model.feature_extractor(normalised(audio_S), None)
    heard_1CT = functional.interpolate(
        heard_1LC.transpose(1, 2), size=frames_of(audio_S), mode="linear", align_corners=True
    )
    projected_1TW = model.encoder.feature_projection(heard_1CT.transpose(1, 2))
    layers = model.encoder.transformer.get_intermediate_outputs(projected_1TW)
    return torch.cat(layers, dim=-1)[0].numpy()


@pytest.mark.parametrize("extra_samples", [0, 1, 217, 420, 639])
def test_rows_are_those_of_torchaudio_on_the_whole(extra_samples: int) -> None:
    audio_S = voice(30, extra_samples=extra_samples)
    rows_TA, _ = FEATURES.rows(audio_S, 0, frames_of(audio_S))
    assert rows_TA.dtype == np.float32
    np.testing.assert_allclose(rows_TA, by_torchaudio(audio_S), atol=5e-5)


def test_rows_are_those_of_hugging_faces_transformers() -> None:
    """The file holds rows made with transformers 4.57.1.

    Wav2Vec2ForCTC of TINY_WAV2VEC2 with weights by rule; Wav2Vec2FeatureExtractor's normalisation,
    `feature_extractor`, linear interpolation to one row per 640 samples begun (align_corners),
    `feature_projection`, and `hidden_states[1:]` of `encoder` side by side; of `voice(20, seed=5,
    extra_samples=300)`.
    """
    config = config_from_hugging_face(TINY_WAV2VEC2.config(), {"do_normalize": True})
    tensors = from_hugging_face(config, by_rule(wav2vec2_layout(TINY_WAV2VEC2)), where="rule")
    audio_S = voice(20, seed=5, extra_samples=300)
    rows_TA, _ = WholeWav2Vec2(Wav2Vec2Network(config, tensors)).rows(audio_S, 0, 21)
    with np.load(REFERENCE) as stored:
        np.testing.assert_allclose(rows_TA, stored["rows_TA"], atol=1e-4)


def test_frames_of_a_voice_of_whole_frames_are_every_second_output() -> None:
    audio_S = voice(30)
    moments = nothing_heard().after(audio_S, len(audio_S))
    heard_TC = interpolated(network(), audio_S, moments, 0, 30)
    outputs_LC = network().convolve(audio_S, 0, 59, moments)
    assert torch.equal(heard_TC, outputs_LC[::2])


@pytest.mark.parametrize("samples", [1, 300, 640, 900])
def test_the_shortest_voices_have_rows(samples: int) -> None:
    audio_S = voice(3)[:samples]
    rows_TA, _ = FEATURES.rows(audio_S, 0, frames_of(audio_S))
    assert rows_TA.shape == (frames_of(audio_S), A)
    assert np.isfinite(rows_TA).all()


def test_rows_do_not_depend_on_how_many_are_asked_for_or_where_one_begins() -> None:
    audio_S = voice(100)
    whole_TA, _ = WINDOWED.rows(audio_S, 0, 100)
    state, parts = None, []
    for start, frames in ((0, 7), (7, 0), (7, 33), (40, 50), (90, 10)):
        rows_TA, state = WINDOWED.rows(audio_S, start, frames, state)
        parts.append(rows_TA)
    differing = np.flatnonzero((np.concatenate(parts) != whole_TA).any(axis=1))
    assert not len(differing), f"first differing frame {differing[0]}"
    assert np.array_equal(WINDOWED.rows(audio_S, 61, 9)[0], whole_TA[61:70])


@pytest.mark.parametrize("frames", [40, 41, 56, 57, 72, 73, 100])
def test_windows_differ_from_the_whole_by_their_shorter_view_only(frames: int) -> None:
    """Each row must be the one that its window gives, margins unused."""
    audio_S = voice(frames)
    moments = nothing_heard().after(audio_S, len(audio_S))
    heard_TC = interpolated(network(), audio_S, moments, 0, frames)
    rows_TA, state = WINDOWED.rows(audio_S, 0, frames)
    for frame in range(frames):
        step = max(0, frame - 12) // 16
        start = min(16 * step, frames - 40)
        window_TA = network().transform(heard_TC[start : start + 40]).numpy()
        np.testing.assert_allclose(rows_TA[frame], window_TA[frame - start], atol=1e-5)
        assert frame - start >= 12 or start == 0
        assert start + 40 - frame > 12 or start + 40 == frames
    assert len(state.rows_TA) == 40


def test_frames_after_the_end_are_refused() -> None:
    with pytest.raises(ValueError, match="no frame 10"):
        FEATURES.rows(voice(10), 5, 6)


def test_gain_and_offset_of_the_recording_are_taken_out() -> None:
    audio_S = voice(20)
    louder_S = (audio_S // 2 * 3 + 500).astype(np.int16)
    rows_TA, louder_TA = (FEATURES.rows(one_S, 0, 20)[0] for one_S in (audio_S, louder_S))
    assert np.abs(rows_TA - louder_TA).max() < 0.02


def test_windows_must_be_longer_than_their_margins() -> None:
    with pytest.raises(ValueError, match="margins"):
        WholeConfig(window_frames=20, margin_frames=10)
