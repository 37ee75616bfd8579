"""What voices sound like, well enough to tell two of them apart: cepstra and pitch.

Shape letters: K voices, T frames, F features, S samples.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.fft import dct
from scipy.linalg import eigh
from scipy.ndimage import uniform_filter1d

from afgen.clock import FRAME_RATE_HZ, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from afgen.signals import Flags, Floats

_BANDS = 24
_CEPSTRA = 12
_WINDOW = 2 * SAMPLES_PER_FRAME
_PITCH_HZ = (70.0, 400.0)
_CHUNK_FRAMES = 512
_SMOOTH_FRAMES = 13  # 0.5 s: a voice, not a vowel
_VOICED = 0.5  # height of the pitch peak of a voiced frame, 0..1
_MOST = 6.0  # bound of a frame's log likelihood ratio


@dataclass(frozen=True, slots=True)
class VoiceFeatures:
    """Per frame: cepstra 1..12 and log pitch of the 80 ms up to its end; whether it is voiced."""

    rows_TF: Floats
    voiced_T: Flags


def voice_features(audio_S: Floats) -> VoiceFeatures:
    """Features of 16 kHz samples; whole frames only."""
    frames = len(audio_S) // SAMPLES_PER_FRAME
    padded_S = np.concatenate([np.zeros(SAMPLES_PER_FRAME, np.float32), audio_S])
    bank_BF = _mel_bank()
    rows: list[Floats] = [np.zeros((0, _CEPSTRA + 2), np.float32)]
    for first in range(0, frames, _CHUNK_FRAMES):
        last = min(first + _CHUNK_FRAMES, frames)
        piece = padded_S[first * SAMPLES_PER_FRAME : (last + 1) * SAMPLES_PER_FRAME]
        windows_TW = np.lib.stride_tricks.sliding_window_view(piece, _WINDOW)[::SAMPLES_PER_FRAME]
        rows.append(_rows(windows_TW, bank_BF))
    rows_TF = np.concatenate(rows)
    return VoiceFeatures(rows_TF[:, :-1], rows_TF[:, -1] > _VOICED)


def _rows(windows_TW: Floats, bank_BF: Floats) -> Floats:
    """Cepstra, log pitch and the height of the pitch's peak (T, 14)."""
    power_TF = np.abs(np.fft.rfft(windows_TW * np.hanning(_WINDOW), 2 * _WINDOW)) ** 2
    bands_TB = np.log(power_TF @ bank_BF.T + 1e-8)
    cepstra_TF = dct(bands_TB, type=2, norm="ortho", axis=1)[:, 1 : _CEPSTRA + 1]
    correlation = np.fft.irfft(power_TF)
    shortest, longest = (round(SAMPLE_RATE_HZ / hz) for hz in reversed(_PITCH_HZ))
    lags = np.arange(shortest, longest + 1)
    height = correlation[:, lags] / (1 - lags / _WINDOW)
    pitch_T = np.log2(SAMPLE_RATE_HZ / lags[height.argmax(axis=1)])
    peak_T = height.max(axis=1) / (correlation[:, 0] + 1e-9)
    rows_TF = np.concatenate([cepstra_TF, 4.0 * pitch_T[:, None], peak_T[:, None]], axis=1)
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
    voices: VoiceFeatures, posterior_KT: Floats, speech_T: Flags, *, least_s: float = 1.5
) -> Floats:
    """Log likelihood (K, T) of each frame under each one's voice, relative to the average voice.

    Voices are Gaussians with one shared diagonal covariance, fitted to the speech frames weighted
    by `posterior_KT`. Where fewer than two have `least_s` seconds of speech, nothing can be told
    apart and all is 0.
    """
    smooth_TF, clear_T = _over_voiced(voices, speech_T)
    weight_KT = posterior_KT * clear_T
    known = np.flatnonzero(weight_KT.sum(axis=1) / FRAME_RATE_HZ >= least_s)
    evidence_KT = np.zeros_like(posterior_KT, dtype=np.float32)
    if len(known) < 2:
        return evidence_KT
    share_KT = weight_KT[known]
    means_KF = share_KT @ smooth_TF / share_KT.sum(axis=1, keepdims=True)
    off_KTF = smooth_TF[None] - means_KF[:, None]
    variance_F = np.einsum("kt,ktf->f", share_KT, off_KTF**2) / share_KT.sum()
    likelihood_KT = -0.5 * (off_KTF**2 / (variance_F + 1e-2)).sum(axis=2)
    relative_KT = likelihood_KT - likelihood_KT.mean(axis=0)
    evidence_KT[known] = np.where(clear_T, np.clip(relative_KT, -_MOST, _MOST), 0.0)
    return evidence_KT


def _over_voiced(voices: VoiceFeatures, speech_T: Flags) -> tuple[Floats, Flags]:
    """Half-second means over voiced speech, and the speech frames that have any in reach."""
    voiced_T = (voices.voiced_T & speech_T).astype(np.float64)
    weight_T = uniform_filter1d(voiced_T, _SMOOTH_FRAMES, mode="nearest")
    sums_TF = uniform_filter1d(
        voices.rows_TF * voiced_T[:, None], _SMOOTH_FRAMES, axis=0, mode="nearest"
    )
    means_TF = np.asarray(sums_TF / np.maximum(weight_T, 1e-6)[:, None], dtype=np.float32)
    return means_TF, speech_T & (weight_T > 0.5 / _SMOOTH_FRAMES)


def split_in_two(
    voices: VoiceFeatures, speech_T: Flags, decode: Callable[[Floats], Floats], *, rounds: int = 12
) -> Floats:
    """Who of two speaks (2, T), from the sound alone; the voice heard first comes first.

    In the directions that tell people from vowels, the speech is cut in halves along each of the
    best; then voices are fitted and turns `decode`d in turn (expectation maximisation with a chain
    in between), and the start that ends in the tightest voices wins.
    """
    smooth_TF, clear_T = _over_voiced(voices, speech_T)
    if clear_T.sum() < 2 * FRAME_RATE_HZ:
        return np.stack([np.ones(len(speech_T)), np.zeros(len(speech_T))]).astype(np.float32)
    axes_FD = _telling_axes(smooth_TF, clear_T)
    seen = VoiceFeatures(voices.rows_TF @ axes_FD, voices.voiced_T)
    places_TD = smooth_TF @ axes_FD
    best, tightest = np.zeros((2, len(speech_T)), np.float32), np.inf
    for place_T in places_TD.T:
        first_T = np.where(clear_T, place_T > np.median(place_T[clear_T]), 0.5)
        posterior_KT = np.stack([first_T, 1 - first_T]).astype(np.float32)
        for _ in range(rounds):
            posterior_KT = decode(voice_evidence(seen, posterior_KT, speech_T))
        spread = _spread(places_TD, posterior_KT * clear_T)
        if spread < tightest:
            best, tightest = posterior_KT, spread
    early_K = best[:, speech_T][:, :FRAME_RATE_HZ].mean(axis=1)
    return best[:: 1 if early_K[0] >= early_K[1] else -1]


def _telling_axes(smooth_TF: Floats, clear_T: Flags, *, count: int = 3) -> Floats:
    """Directions (F, D) in which speech varies much overall and little within 0.6 s.

    Linear discriminants without labels: neighbours in time are mostly one person, so their
    differences stand for the scatter within a voice.
    """
    apart = 15
    together_T = clear_T[apart:] & clear_T[:-apart]
    scale_F = smooth_TF[clear_T].std(axis=0) + 1e-3
    change_NF = (smooth_TF[apart:] - smooth_TF[:-apart])[together_T] / scale_F
    within_FF = change_NF.T @ change_NF / (2 * max(len(change_NF), 1))
    size = max(float(np.trace(within_FF)) / len(within_FF), 0.1)
    within_FF = 0.7 * within_FF + 0.3 * size * np.eye(len(within_FF))
    total_FF = np.cov((smooth_TF[clear_T] / scale_F).T)
    _, axes_FD = eigh(total_FF, within_FF)
    return np.asarray(axes_FD[:, ::-1][:, :count] / scale_F[:, None], dtype=np.float32)


def _spread(places_TD: Floats, weight_KT: Floats) -> float:
    """Log volume of the voices' shared scatter; two very unequal shares count as no split."""
    total_K = weight_KT.sum(axis=1)
    means_KD = weight_KT @ places_TD / np.maximum(total_K, 1e-6)[:, None]
    off_KTD = places_TD[None] - means_KD[:, None]
    variance_D = np.einsum("kt,ktd->d", weight_KT, off_KTD**2) / max(float(total_K.sum()), 1e-6)
    uneven = 5.0 if total_K.min() < 0.08 * total_K.sum() else 0.0
    return 0.5 * float(np.log(variance_D + 1e-6).sum()) + uneven
