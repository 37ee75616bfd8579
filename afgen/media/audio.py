"""Sound in memory: levels, and wav files."""

import wave
from pathlib import Path

import numpy as np

from afgen.clock import SAMPLE_RATE_HZ
from afgen.errors import SilentAudioError
from afgen.media.files import atomic_path
from afgen.signals import Floats, Samples, to_sound

_SILENCE_DBFS = -70.0
_LEVEL_WINDOW_S = 0.05


def level_dbfs(samples: Floats) -> float:
    """Root mean square of all samples in dB below full scale; -inf for digital silence."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) if samples.size else 0.0
    return 10.0 * float(np.log10(power)) if power > 0 else -np.inf


def loudest_dbfs(samples_S: Floats, rate_hz: int = SAMPLE_RATE_HZ) -> float:
    """Level of the loudest 50 ms, which a short utterance in a long silence still reaches."""
    window = max(1, round(rate_hz * _LEVEL_WINDOW_S))
    pieces = range(0, max(1, samples_S.shape[-1]), window)
    return max(level_dbfs(samples_S[..., first : first + window]) for first in pieces)


def require_audible(samples_CS: Samples, name: str) -> None:
    """Raise SilentAudioError when nothing can be heard on any channel."""
    seconds = range(0, samples_CS.shape[-1], SAMPLE_RATE_HZ)
    for channel_S in np.atleast_2d(samples_CS):
        pieces = (to_sound(channel_S[first : first + SAMPLE_RATE_HZ]) for first in seconds)
        if any(loudest_dbfs(piece) >= _SILENCE_DBFS for piece in pieces):
            return
    raise SilentAudioError(f"{name}: nothing can be heard.")


def write_wav(path: Path, samples_CS: Floats, rate_hz: int = SAMPLE_RATE_HZ) -> None:
    """Write float samples (S) or (channels, S) as 16-bit PCM, whole or not at all.

    Raises:
        DiskFullError, OutputUnwritableError.
    """
    channels_CS = np.atleast_2d(samples_CS)
    pcm = np.rint(np.clip(channels_CS.T, -1.0, 1.0) * 32767.0).astype("<i2")
    with atomic_path(path) as temporary, wave.open(str(temporary), "wb") as file:
        file.setnchannels(channels_CS.shape[0])
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(pcm.tobytes())
