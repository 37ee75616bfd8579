import numpy as np
import pytest
import torch

from afgen.conditions.wav2vec2 import network as module
from afgen.conditions.wav2vec2.moments import nothing_heard
from tests.conditions.wav2vec2.tiny import A, network, normalised, torchaudio_model, voice


def test_convolutions_of_any_span_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    audio_S = voice(30, extra_samples=100)
    moments = nothing_heard().after(audio_S, len(audio_S))
    expected_LC = torchaudio_model().feature_extractor(normalised(audio_S), None)[0][0]
    whole_LC = network().convolve(audio_S, 0, len(expected_LC), moments)
    near = 2e-5 * float(expected_LC.std())
    torch.testing.assert_close(whole_LC, expected_LC, atol=10 * near, rtol=0)
    span_LC = network().convolve(audio_S, 13, 40, moments)
    torch.testing.assert_close(span_LC, whole_LC[13:40], atol=near, rtol=0)
    monkeypatch.setattr(module, "_PIECE", 7)
    pieces_LC = network().convolve(audio_S, 0, len(expected_LC), moments)
    torch.testing.assert_close(pieces_LC, whole_LC, atol=near, rtol=0)


def test_after_the_sound_there_is_silence() -> None:
    audio_S = voice(10)
    moments = nothing_heard().after(audio_S, len(audio_S))
    padded_S = np.pad(audio_S, (0, 6400))
    assert torch.equal(
        network().convolve(audio_S, 10, 38, moments), network().convolve(padded_S, 10, 38, moments)
    )


def test_the_layers_are_torchaudios_side_by_side() -> None:
    heard_TC = torch.randn(12, 16, generator=torch.Generator().manual_seed(1))
    encoder = torchaudio_model().encoder
    layers = encoder.transformer.get_intermediate_outputs(
        encoder.feature_projection(heard_TC[None])
    )
    rows_TA = network().transform(heard_TC)
    assert rows_TA.shape == (12, A)
    for index, layer_1TW in enumerate(layers):
        torch.testing.assert_close(rows_TA[:, 24 * index : 24 * (index + 1)], layer_1TW[0])
