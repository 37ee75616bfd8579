import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afgen.clock import SAMPLES_PER_FRAME
from afgen.conditions.logmel import LogMelConfig, LogMelFeatures
from afgen.signals import to_samples, to_sound

FEATURES = LogMelFeatures()


def speech_like(frames: int, seed: int = 0, loudness: float = 0.1) -> np.ndarray:
    """Noise in bursts of a syllable's length, quieter between them."""
    draw = np.random.default_rng(seed)
    noise = draw.standard_normal(frames * SAMPLES_PER_FRAME)
    time_s = np.arange(len(noise)) / 16_000
    return (loudness * noise * (0.02 + np.sin(np.pi * 3 * time_s) ** 2)).astype(np.float32)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=8))
def test_streaming_equals_whole_bit_for_bit(lengths: list[int]) -> None:
    audio_S = speech_like(sum(lengths))
    whole, end = FEATURES(audio_S)
    state, parts, start = None, [], 0
    for length in lengths:
        stop = start + length * SAMPLES_PER_FRAME
        part, state = FEATURES(audio_S[start:stop], state)
        parts.append(part)
        start = stop
    streamed = np.concatenate(parts)
    differing = np.flatnonzero((streamed != whole).any(axis=1))
    assert not len(differing), f"first differing frame {differing[0]}"
    assert state is not None
    assert state.level_db == end.level_db
    assert np.array_equal(state.samples_S, end.samples_S)


def test_a_row_knows_nothing_after_the_end_of_its_frame() -> None:
    audio_S, frame = speech_like(20), 12
    other = audio_S.copy()
    other[(frame + 1) * SAMPLES_PER_FRAME :] = speech_like(20, seed=1)[: 7 * SAMPLES_PER_FRAME]
    one, two = FEATURES(audio_S)[0], FEATURES(other)[0]
    assert np.flatnonzero((one != two).any(axis=1))[0] == frame + 1


def test_a_click_at_the_very_end_of_a_frame_is_in_its_last_spectrum() -> None:
    audio_S = np.zeros(10 * SAMPLES_PER_FRAME, np.float32)
    audio_S[6 * SAMPLES_PER_FRAME - 20 : 6 * SAMPLES_PER_FRAME] = 0.5
    rows = FEATURES(audio_S)[0].reshape(10, 4, 64)
    silence = rows[0, 0, 0]
    assert (rows[5, :3] == silence).all()
    assert (rows[5, 3] > silence).any()


def test_loud_and_quiet_recordings_look_alike() -> None:
    loud, quiet = (FEATURES(speech_like(150, loudness=level))[0] for level in (0.3, 0.03))
    assert np.abs(loud - quiet)[50:].mean() < 0.05


def test_noise_in_a_pause_stays_below_speech() -> None:
    speech = speech_like(100)
    hiss = 0.001 * np.random.default_rng(3).standard_normal(75 * SAMPLES_PER_FRAME)
    rows, _ = FEATURES(np.concatenate((speech, hiss.astype(np.float32))))
    assert rows[100:].mean() < rows[50:100].mean() - 1


def test_rows_are_limited_and_as_wide_as_said() -> None:
    config = FEATURES.config
    rows, _ = FEATURES(100 * speech_like(30))
    assert rows.shape == (30, FEATURES.audio_dim)
    assert rows.dtype == np.float32
    assert rows.min() >= config.lowest
    assert rows.max() <= config.highest


def test_silence_is_finite_and_no_sound_gives_no_rows() -> None:
    rows, state = FEATURES(np.zeros(5 * SAMPLES_PER_FRAME, np.float32))
    assert np.isfinite(rows).all()
    none, same = FEATURES(np.zeros(0, np.float32), state)
    assert none.shape == (0, FEATURES.audio_dim)
    assert same.level_db == state.level_db


@pytest.mark.parametrize("shape", [(100,), (640, 2)])
def test_parts_of_frames_and_several_channels_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="whole mono frames"):
        FEATURES(np.zeros(shape, np.float32))


def test_every_mel_band_hears_something() -> None:
    rows, _ = LogMelFeatures(LogMelConfig(lowest=-100.0))(speech_like(30))
    assert (rows.reshape(30, 4, 64).std(axis=(0, 1)) > 0.1).all()


def test_rows_of_a_voice_are_the_same_wherever_reading_begins() -> None:
    voice_S = to_samples(speech_like(20))[: -SAMPLES_PER_FRAME // 2]
    whole, end = FEATURES.rows(voice_S, 0, 22)
    padded = np.pad(to_sound(voice_S), (0, 22 * SAMPLES_PER_FRAME - len(voice_S)))
    assert np.array_equal(whole, FEATURES(padded)[0])
    first, state = FEATURES.rows(voice_S, 0, 7)
    rest, after = FEATURES.rows(voice_S, 7, 15, state)
    assert np.array_equal(np.concatenate((first, rest)), whole)
    assert after.level_db == end.level_db
    assert np.array_equal(FEATURES.rows(voice_S, 7, 15)[0], rest)
