"""What voices sound like, well enough to tell two of them apart: cepstra and pitch.

Shape letters: K voices, T frames, F features, S samples.
"""

from collections.abc import Callable

import numpy as np
from scipy.fft import dct
from scipy.ndimage import uniform_filter1d

from afgen.clock import FRAME_RATE_HZ, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from afgen.signals import Flags, Floats

_BANDS = 24
_CEPSTRA = 12
_WINDOW = 2 * SAMPLES_PER_FRAME
_PITCH_HZ = (70.0, 400.0)
_CHUNK_FRAMES = 512
_SMOOTH_FRAMES = 13  # 0.5 s: a voice, not a vowel
_MOST = 6.0  # bound of a frame's log likelihood ratio


def voice_features(audio_S: Floats) -> Floats:
    """Cepstra 1..12 and log pitch (T, 13) of the 80 ms that end with each frame."""
    frames = len(audio_S) // SAMPLES_PER_FRAME
    padded_S = np.concatenate([np.zeros(SAMPLES_PER_FRAME, np.float32), audio_S])
    bank_BF = _mel_bank()
    rows: list[Floats] = []
    for first in range(0, frames, _CHUNK_FRAMES):
        last = min(first + _CHUNK_FRAMES, frames)
        piece = padded_S[first * SAMPLES_PER_FRAME : (last + 1) * SAMPLES_PER_FRAME]
        windows_TW = np.lib.stride_tricks.sliding_window_view(piece, _WINDOW)[::SAMPLES_PER_FRAME]
        rows.append(_rows(windows_TW, bank_BF))
    if not rows:
        return np.zeros((0, _CEPSTRA + 1), np.float32)
    return np.concatenate(rows)


def _rows(windows_TW: Floats, bank_BF: Floats) -> Floats:
    power_TF = np.abs(np.fft.rfft(windows_TW * np.hanning(_WINDOW), 2 * _WINDOW)) ** 2
    bands_TB = np.log(power_TF @ bank_BF.T + 1e-8)
    cepstra_TF = dct(bands_TB, type=2, norm="ortho", axis=1)[:, 1 : _CEPSTRA + 1]
    correlation = np.fft.irfft(power_TF)
    shortest, longest = (round(SAMPLE_RATE_HZ / hz) for hz in reversed(_PITCH_HZ))
    lags = np.arange(shortest, longest + 1)
    height = correlation[:, lags] / (1 - lags / _WINDOW)
    pitch_T = np.log2(SAMPLE_RATE_HZ / lags[height.argmax(axis=1)])
    rows_TF = np.concatenate([cepstra_TF, 4.0 * pitch_T[:, None]], axis=1)
    return np.asarray(rows_TF, dtype=np.float32)


def _mel_bank() -> Floats:
    """Triangles (bands, bins) spaced evenly on the mel scale from 100 to 7000 Hz."""
    bins_hz = np.fft.rfftfreq(2 * _WINDOW, 1 / SAMPLE_RATE_HZ)
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (100.0, 7000.0))
    edges_hz = 700 * (10 ** (np.linspace(low, high, _BANDS + 2) / 2595) - 1)
    left, middle, right = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    rising = (bins_hz - left) / (middle - left)
    falling = (right - bins_hz) / (right - middle)
    return np.asarray(np.clip(np.minimum(rising, falling), 0, None), dtype=np.float32)


def voice_evidence(
    features_TF: Floats, posterior_KT: Floats, speech_T: Flags, *, least_s: float = 1.5
) -> Floats:
    """Log likelihood (K, T) of each frame under each one's voice, relative to the average voice.

    Voices are Gaussians with one shared diagonal covariance, fitted to the speech frames weighted
    by `posterior_KT`. Where fewer than two have `least_s` seconds of speech, nothing can be told
    apart and all is 0.
    """
    weight_KT = posterior_KT * speech_T
    length_K = weight_KT.sum(axis=1) / FRAME_RATE_HZ
    known = np.flatnonzero(length_K >= least_s)
    evidence_KT = np.zeros_like(posterior_KT, dtype=np.float32)
    if len(known) < 2:
        return evidence_KT
    smooth_TF = _smoothed_over_speech(features_TF, speech_T)
    share_KT = weight_KT[known]
    means_KF = share_KT @ smooth_TF / share_KT.sum(axis=1, keepdims=True)
    off_KTF = smooth_TF[None] - means_KF[:, None]
    variance_F = np.einsum("kt,ktf->f", share_KT, off_KTF**2) / share_KT.sum()
    likelihood_KT = -0.5 * (off_KTF**2 / (variance_F + 1e-3)).sum(axis=2)
    relative_KT = likelihood_KT - likelihood_KT.mean(axis=0)
    evidence_KT[known] = np.clip(relative_KT, -_MOST, _MOST)
    return evidence_KT


def _smoothed_over_speech(features_TF: Floats, speech_T: Flags) -> Floats:
    """Half-second means that count speech frames only."""
    weight_T = uniform_filter1d(speech_T.astype(np.float64), _SMOOTH_FRAMES, mode="nearest")
    sums_TF = uniform_filter1d(
        features_TF * speech_T[:, None].astype(np.float64), _SMOOTH_FRAMES, axis=0, mode="nearest"
    )
    return np.asarray(sums_TF / np.maximum(weight_T, 1e-6)[:, None], dtype=np.float32)


def split_in_two(
    features_TF: Floats, speech_T: Flags, decode: Callable[[Floats], Floats], *, rounds: int = 12
) -> Floats:
    """Who of two speaks (2, T), from the sound alone; the voice heard first comes first.

    Begins by cutting the speech along its direction of greatest spread, then fits voices and
    `decode`s turns in turn (expectation maximisation with a chain in between).
    """
    smooth_TF = _smoothed_over_speech(features_TF, speech_T)
    heard_NF = smooth_TF[speech_T]
    centred_NF = (heard_NF - heard_NF.mean(axis=0)) / (heard_NF.std(axis=0) + 1e-3)
    _, _, axes = np.linalg.svd(centred_NF, full_matrices=False)
    side_N = centred_NF @ axes[0]
    first_T = np.full(len(speech_T), 0.5, np.float32)
    first_T[speech_T] = side_N > np.median(side_N)
    posterior_KT: Floats = np.stack([first_T, 1 - first_T])
    for _ in range(rounds):
        posterior_KT = decode(voice_evidence(features_TF, posterior_KT, speech_T))
    early_K = posterior_KT[:, speech_T][:, :FRAME_RATE_HZ].mean(axis=1)
    return posterior_KT[:: 1 if early_K[0] >= early_K[1] else -1]
