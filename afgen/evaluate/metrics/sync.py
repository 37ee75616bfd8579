"""Does the mouth move with the voice: openings by correlation and lag, SyncNet by its distances."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from afgen.clock import SAMPLES_PER_FRAME
from afgen.evaluate.lips import ACCEPTED_LAG, LAGS, correlation
from afgen.signals import Floats, Samples, to_sound

Array = NDArray[np.float64]

SHIFTS: Final = 15  # of SyncNet, to each side, as its evaluation code has it
_EPSILON: Final = 1e-6  # added to each difference by torch's pairwise distance, and so by theirs
_QUIET_DB: Final = -60.0


@dataclass(frozen=True, slots=True)
class Sync:
    """How two courses go together."""

    correlation: float  # the best at a lag of at most one frame
    lag_frames: int  # of the best correlation in a wider search; positive: the mouth is late


@dataclass(frozen=True, slots=True)
class SyncNetScore:
    """LSE-D, lower is better, and LSE-C, higher is better."""

    distance: float
    confidence: float
    offset_frames: int


def sync_of(opening_T: Floats, other_T: Floats) -> Sync:
    """A mouth opening against the real opening, or against the voice's level."""
    course_L = [correlation(opening_T, other_T, lag) for lag in LAGS]
    near = [value for lag, value in zip(LAGS, course_L, strict=True) if abs(lag) <= ACCEPTED_LAG]
    return Sync(max(near), LAGS[int(np.argmax(course_L))])


def level_db(audio_S: Samples, frames: int) -> Floats:
    """Loudness (T,) of each frame over full scale, not below -60 dB; what is missing is silence."""
    sound_S = np.zeros(frames * SAMPLES_PER_FRAME, np.float32)
    known_S = to_sound(audio_S[: len(sound_S)])
    sound_S[: len(known_S)] = known_S
    power_T = np.square(sound_S.reshape(frames, SAMPLES_PER_FRAME)).mean(axis=1)
    level_T = 10 * np.log10(power_T + 10 ** (_QUIET_DB / 10))
    return np.asarray(level_T, np.float32)


def syncnet_score(video_TE: Floats, audio_TE: Floats, shifts: int = SHIFTS) -> SyncNetScore:
    """LSE-D and LSE-C from the embeddings of a clip's windows, picture and sound.

    Prajwal et al., "A Lip Sync Expert Is All You Need", ACM MM 2020, on the network of Chung &
    Zisserman, "Out of time", ACCV Workshops 2016. For each shift the Euclidean distances between a
    picture's window and the sound's window so many frames off are averaged over the clip; LSE-D is
    the smallest mean, LSE-C the median of the means minus the smallest. Beyond the ends the sound
    is zeros, as in the published code. Rows are windows one frame apart. Raises ValueError for
    embeddings of different shapes or none.
    """
    if video_TE.shape != audio_TE.shape or not len(video_TE):
        raise ValueError(f"embeddings of shapes {video_TE.shape} and {audio_TE.shape}")
    padded_TE = np.pad(np.asarray(audio_TE, np.float64), ((shifts, shifts), (0, 0)))
    picture_TE = np.asarray(video_TE, np.float64)
    rows = len(picture_TE)
    mean_L = np.array(
        [
            np.linalg.norm(picture_TE - padded_TE[at : at + rows] + _EPSILON, axis=1).mean()
            for at in range(2 * shifts + 1)
        ]
    )
    best = int(mean_L.argmin())
    confidence = float(np.median(mean_L) - mean_L[best])
    return SyncNetScore(float(mean_L[best]), confidence, shifts - best)
