import numpy as np
import pytest
import torch
from torch.nn import functional

from afgen.conditions.wav2vec2.moments import nothing_heard, quiet_speech
from afgen.signals import to_sound
from tests.conditions.wav2vec2.tiny import normalised, voice


@pytest.mark.parametrize("normalize", [True, False])
def test_one_scale_and_shift_stand_for_both_normalisations(normalize: bool) -> None:
    audio_S = voice(25)
    draw = torch.Generator().manual_seed(0)
    weight_C1K = torch.randn(8, 1, 10, generator=draw)
    gain_C, bias_C = torch.rand(8, generator=draw) + 0.5, torch.randn(8, generator=draw)
    sound_1S = torch.from_numpy(to_sound(audio_S))[None]
    given_1S = normalised(audio_S) if normalize else sound_1S
    expected_1CL = functional.group_norm(
        functional.conv1d(given_1S[:, None], weight_C1K, stride=5), 8, gain_C, bias_C
    )
    fold = (
        nothing_heard()
        .after(audio_S, len(audio_S))
        .fold(weight_C1K[:, 0].double().numpy(), gain_C.numpy(), bias_C.numpy(), normalize)
    )
    raw_1CL = functional.conv1d(sound_1S[:, None], weight_C1K, stride=5).double().numpy()
    folded_1CL = raw_1CL * fold.scale_C[:, None] + fold.shift_C[:, None]
    np.testing.assert_allclose(folded_1CL, expected_1CL.numpy(), atol=2e-5)


def test_sums_are_the_same_bit_for_bit_however_sound_is_cut() -> None:
    audio_S = voice(40)
    whole = nothing_heard().after(audio_S, len(audio_S))
    cut = nothing_heard()
    for end in (3, 640, 641, 5000, 5003, 20_000, len(audio_S) + 100):
        cut = cut.after(audio_S, end)
    assert cut.next_window == whole.next_window == (len(audio_S) - 10) // 5 + 1
    assert np.array_equal(cut.sum_K, whole.sum_K)
    assert np.array_equal(cut.products_KK, whole.products_KK)


def test_assumed_speech_has_the_level_it_says_and_gives_way_to_what_is_heard() -> None:
    audio_S = voice(250)
    heard = nothing_heard().after(audio_S, len(audio_S))
    begun = quiet_speech(0.5, -30.0, 0.9)
    assert begun.products_KK[0, 0] / begun.count / 32768**2 == pytest.approx(1e-3)
    after = begun.after(audio_S, len(audio_S))
    share = begun.count / after.count
    assert share == pytest.approx(0.5 / 10.5, rel=1e-3)
    mixed_KK = share * begun.products_KK / begun.count
    mixed_KK += (1 - share) * heard.products_KK / heard.count
    np.testing.assert_allclose(after.products_KK / after.count, mixed_KK)
