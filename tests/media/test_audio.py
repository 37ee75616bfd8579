import numpy as np
import pytest

from afgen.errors import SilentAudioError
from afgen.media.audio import level_dbfs, loudest_dbfs, require_audible, write_wav
from afgen.media.decode import decode_audio
from afgen.signals import to_samples


def sine(hz, rate_hz, seconds=1.0, amplitude=1.0):
    time_S = np.arange(round(rate_hz * seconds)) / rate_hz
    return (amplitude * np.sin(2 * np.pi * hz * time_S)).astype(np.float32)


def test_levels_are_in_decibels_below_full_scale():
    assert level_dbfs(sine(440, 16_000)) == pytest.approx(-3.01, abs=0.01)
    assert level_dbfs(sine(440, 16_000, amplitude=0.1)) == pytest.approx(-23.01, abs=0.01)
    assert level_dbfs(np.zeros(100, np.float32)) == -np.inf


def test_one_word_in_a_long_silence_is_heard():
    samples_S = np.zeros(16_000 * 60, np.float32)
    samples_S[500_000:501_600] = sine(440, 16_000, seconds=0.1, amplitude=0.01)
    assert loudest_dbfs(samples_S) == pytest.approx(-43, abs=1)
    require_audible(to_samples(np.stack([np.zeros_like(samples_S), samples_S])), "call.wav")


@pytest.mark.parametrize("level", [0.0, 1e-5])
def test_silence_is_refused(level):
    hiss = level * np.random.default_rng(0).standard_normal((2, 16_000)).astype(np.float32)
    with pytest.raises(SilentAudioError):
        require_audible(to_samples(hiss), "call.wav")


def test_wav_files_come_back(tmp_path):
    path = tmp_path / "two.wav"
    samples_CS = np.stack([sine(440, 16_000, amplitude=0.5), sine(880, 16_000, amplitude=0.25)])
    write_wav(path, samples_CS)
    assert np.abs(decode_audio(path) - samples_CS).max() < 1e-4
    assert list(tmp_path.iterdir()) == [path]
