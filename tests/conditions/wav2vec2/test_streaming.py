import numpy as np
import pytest

from afgen.clock import SAMPLES_PER_FRAME
from afgen.conditions.wav2vec2.streaming import StreamingConfig, StreamingWav2Vec2
from afgen.conditions.wav2vec2.whole import WholeWav2Vec2
from tests.conditions.wav2vec2.tiny import A, network, voice

FEATURES = StreamingWav2Vec2(network(), StreamingConfig(look_ahead_frames=4, context_frames=25))


@pytest.mark.parametrize("lengths", [(10,) * 8, (50, 30), (1,) * 80, (7, 0, 13, 41, 19), (3, 77)])
def test_rows_do_not_depend_on_how_many_are_asked_for(lengths: tuple[int, ...]) -> None:
    audio_S = voice(80, extra_samples=-200)
    whole_TA, _ = FEATURES.rows(audio_S, 0, 80)
    state, parts, start = None, [], 0
    for frames in lengths:
        rows_TA, state = FEATURES.rows(audio_S, start, frames, state)
        parts.append(rows_TA)
        start += frames
    differing = np.flatnonzero((np.concatenate(parts) != whole_TA).any(axis=1))
    assert not len(differing), f"first differing frame {differing[0]}"


@pytest.mark.parametrize("start", [0, 10, 20, 37, 60, 79])
def test_rows_are_the_same_wherever_reading_begins(start: int) -> None:
    audio_S = voice(80)
    whole_TA, _ = FEATURES.rows(audio_S, 0, 80)
    assert np.array_equal(FEATURES.rows(audio_S, start, 80 - start)[0], whole_TA[start:])


@pytest.mark.parametrize("change_from", [14, 15, 24, 33, 34, 44])
def test_the_future_beyond_the_look_ahead_changes_nothing(change_from: int) -> None:
    audio_S, other_S = voice(60), voice(60, seed=1)
    mixed_S = audio_S.copy()
    mixed_S[change_from * SAMPLES_PER_FRAME :] = other_S[change_from * SAMPLES_PER_FRAME :]
    one_TA, two_TA = (FEATURES.rows(each_S, 0, 60)[0] for each_S in (audio_S, mixed_S))
    changed = np.flatnonzero((one_TA != two_TA).any(axis=1))
    assert changed[0] == (change_from - 4) // 10 * 10


def test_nothing_beyond_the_look_ahead_is_read() -> None:
    audio_S = voice(60)
    rows_TA, _ = FEATURES.rows(audio_S, 0, 40)
    heard_S = audio_S[: (40 + FEATURES.look_ahead_frames) * SAMPLES_PER_FRAME]
    assert np.array_equal(FEATURES.rows(heard_S, 0, 40)[0], rows_TA)


def test_the_past_is_bounded() -> None:
    state = None
    for start in range(0, 200, 10):
        _, state = FEATURES.rows(voice(210), start, 10, state)
    assert state.heard_TC.shape[0] == FEATURES.config.window_frames == 39
    assert state.rows_TA.shape == (10, A)


def test_a_hop_that_hears_everything_gives_the_rows_of_the_whole() -> None:
    audio_S = voice(20)
    knowing = StreamingWav2Vec2(network(), StreamingConfig(look_ahead_frames=10, assumed_s=0.0))
    whole_TA, _ = WholeWav2Vec2(network()).rows(audio_S, 0, 20)
    np.testing.assert_allclose(knowing.rows(audio_S, 0, 10)[0], whole_TA[:10], atol=1e-5)


def test_more_look_ahead_comes_closer_to_the_whole() -> None:
    audio_S = voice(150)
    whole_TA, _ = WholeWav2Vec2(network()).rows(audio_S, 0, 150)
    errors = []
    for look_ahead in (0, 5, 20):
        config = StreamingConfig(look_ahead_frames=look_ahead, context_frames=150)
        rows_TA, _ = StreamingWav2Vec2(network(), config).rows(audio_S, 0, 150)
        errors.append(np.abs(rows_TA - whole_TA)[75:120].mean())
    assert errors[0] > errors[1] > errors[2]


def test_noise_before_the_first_word_stays_below_speech() -> None:
    hiss_S = np.random.default_rng(0).normal(0, 3, 25 * SAMPLES_PER_FRAME).astype(np.int16)
    knowing, naive = (
        StreamingWav2Vec2(network(), StreamingConfig(assumed_s=seconds))._hear(
            hiss_S, StreamingWav2Vec2(network(), StreamingConfig(assumed_s=seconds))._begin(hiss_S)
        )
        for seconds in (StreamingConfig().assumed_s, 0.0)
    )
    assert knowing.heard_TC.std(dim=0).mean() < 0.2 * naive.heard_TC.std(dim=0).mean()


@pytest.mark.parametrize("start", [0, 50, 70])
def test_the_look_ahead_ends_with_the_voice(start: int) -> None:
    """The last hop sees its context and nothing behind the end."""
    audio_S = voice(77)
    rows_TA, state = FEATURES.rows(audio_S, start, 77 - start)
    assert rows_TA.shape == (77 - start, A)
    assert state.heard_TC.shape[0] == 25 + 7
    np.testing.assert_array_equal(rows_TA[70 - start :], network().transform(state.heard_TC)[25:])
    with pytest.raises(ValueError, match="no frame 77"):
        FEATURES.rows(audio_S, 70, 8)


def test_a_state_of_another_place_is_refused() -> None:
    audio_S = voice(60)
    _, state = FEATURES.rows(audio_S, 0, 10)
    with pytest.raises(ValueError, match="frame 30 does not follow"):
        FEATURES.rows(audio_S, 30, 10, state)
