"""Mean and covariance of the windows that the first convolution hears.

wav2vec 2.0 takes mean and deviation over the whole utterance twice: of the samples, and of each
channel of the first convolution (its group normalisation). That convolution is linear and has no
bias, so for a channel with the K = 10 weights w both follow from two small statistics of the sound:

    mean of the channel      w . m        m  mean of all windows of K samples, 5 apart
    variance of the channel  w' V w       V  their covariance, K x K

They are sums, so a stream can carry them along, and an hour of sound can be normalised as a whole
without being held as features. Samples are summed as whole numbers, which double precision does
without rounding: the sums are the same however the sound is cut up.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from afgen.clock import SAMPLE_RATE_HZ
from afgen.conditions.wav2vec2.config import KERNELS, STRIDES
from afgen.signals import Samples

Doubles = NDArray[np.float64]

WINDOW: Final = KERNELS[0]  # K
STRIDE: Final = STRIDES[0]
FULL_SCALE: Final = 32768
_VARIANCE_FLOOR: Final = 1e-7  # Hugging Face's feature extractor adds it
_GROUP_NORM_FLOOR: Final = 1e-5  # torch's default, which the model was trained with
_PIECE_SAMPLES: Final = 60 * SAMPLE_RATE_HZ


class Fold(NamedTuple):
    """What both normalisations do to each channel of the raw first convolution, (C,) each."""

    scale_C: Doubles
    shift_C: Doubles


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums over windows of 16-bit samples, and where the next window begins."""

    next_window: int
    count: float
    sum_K: Doubles
    products_KK: Doubles

    def after(self, audio_S: Samples, end_sample: int) -> "Moments":
        """With all windows added that lie before `end_sample` and the end of the sound."""
        end_sample = min(end_sample, len(audio_S))
        moments = self
        while (start := moments.next_window * STRIDE) + WINDOW <= end_sample:
            moments = moments.plus(audio_S[start : min(end_sample, start + _PIECE_SAMPLES)])
        return moments

    def plus(self, span_S: Samples) -> "Moments":
        """With the windows of a span added that begins at the next window."""
        windows_NK = sliding_window_view(span_S.astype(np.float64), WINDOW)[::STRIDE]
        return Moments(
            self.next_window + len(windows_NK),
            self.count + len(windows_NK),
            self.sum_K + windows_NK.sum(axis=0),
            self.products_KK + windows_NK.T @ windows_NK,
        )

    def fold(self, weight_CK: Doubles, gain_C: Doubles, bias_C: Doubles, normalize: bool) -> Fold:
        """Both normalisations as one scale and shift a channel.

        `normalize` says whether samples are normalised before the convolution. Group normalisation
        takes any gain and offset of the sound out again, so this decides nothing but how much its
        floor weighs.
        """
        count = max(self.count, 1.0)
        mean_K = self.sum_K / count
        spread_KK = self.products_KK / count - np.outer(mean_K, mean_K)
        mean_C = weight_CK @ mean_K / FULL_SCALE
        variance_C = np.einsum("ck,kl,cl->c", weight_CK, spread_KK, weight_CK) / FULL_SCALE**2
        loudness = np.diagonal(spread_KK).mean() / FULL_SCALE**2 + _VARIANCE_FLOOR
        floor = _GROUP_NORM_FLOOR * (loudness if normalize else 1.0)
        scale_C = gain_C / np.sqrt(np.maximum(variance_C, 0.0) + floor)
        return Fold(scale_C, bias_C - mean_C * scale_C)


def nothing_heard() -> Moments:
    """Of no sound at all: what the statistics of a whole utterance begin with."""
    return Moments(0, 0.0, np.zeros(WINDOW), np.zeros((WINDOW, WINDOW)))


def quiet_speech(seconds: float, level_db: float, neighbour_correlation: float) -> Moments:
    """As if that much speech had been heard: what the statistics of a stream begin with.

    Speech is taken as noise of `level_db` against full scale in which samples k apart correlate by
    `neighbour_correlation` to the power of k.
    """
    count = seconds * SAMPLE_RATE_HZ / STRIDE
    apart_KK = np.abs(np.subtract.outer(np.arange(WINDOW), np.arange(WINDOW)))
    power = FULL_SCALE**2 * 10 ** (level_db / 10)
    return Moments(0, count, np.zeros(WINDOW), count * power * neighbour_correlation**apart_KK)
