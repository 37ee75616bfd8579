"""What is measured of a stretch, and which of it is good enough to learn from.

Every gate has a number, a limit and a reason; the number is kept of every sample, so that limits
can be judged by looking at what lies on either side of them.

Shape letters: T frames, S samples, N landmarks, F frequencies.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import stft

from afgen.autoencoder.mesh.pose import rotation_to_euler, solve_pose
from afgen.clock import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from afgen.signals import Flags, Floats, Samples, to_sound

SYNC_LAGS: Final = range(-10, 11)  # frames; positive: the mouth is late
_BETTER: Final = 0.2  # of correlation: chance alone gives less in a few seconds
_LEAST_SPEECH_FRAMES: Final = 25  # less says nothing of sync or overlap
_LEAST_SYNC_FRAMES: Final = 38  # of speech; over less, chance correlates as well as lips do
_LEAST_LAG_FRAMES: Final = 75  # of speech: one sentence often agrees with itself at another lag
_TONE_WINDOW: Final = 1024  # samples, 64 ms: partials of a voice glide through its bins
_TONE_HOP: Final = 320
_TONE_HZ: Final = (400.0, 5000.0)
_TONE_STEADY: Final = 12  # windows, 240 ms, that a partial stays where it is to be a tone's
_TONE_OVER_DB: Final = 12.0  # over the median of its neighbourhood


@dataclass(frozen=True, slots=True)
class GateConfig:
    """Limits. A measure that cannot be taken (no sound, no speech) rejects nothing."""

    face_px: float = 64.0  # least height of the face in pixels of the recording
    yaw_deg: float = 40.0  # most, of nine tenths of the frames
    pitch_deg: float = 35.0
    bridged: float = 0.1  # most of the frames without the face
    lips: float = -5.2  # least log speed of the lips in speech; about -3.8 in speech, -5.7 at rest
    sync: float = -0.2  # least correlation of the mouth's opening with the voice's level
    sync_lag: float = 3.0  # most frames of delay at which they agree much better
    overlap: float = 0.3  # most of the speech during which both speak
    tonality: float = 0.35  # most of the sound that holds steady tones, as music does


@dataclass(frozen=True, slots=True)
class Gate:
    """One measure: its name, what it means, its limit, and on which side of it is good."""

    name: str
    meaning: str
    limit: float
    at_least: bool

    def passes(self, value: float) -> bool:
        """Whether a value is on the good side."""
        return value >= self.limit if self.at_least else value <= self.limit

    def reason(self, value: float) -> str:
        """Why a sample with this value is rejected."""
        sense = "below" if self.at_least else "above"
        return f"{self.meaning} {value:.3g} is {sense} {self.limit:.3g}"


def gates_of(config: GateConfig) -> tuple[Gate, ...]:
    """All gates, in the order in which they are shown."""
    return (
        Gate("face_px", "height of the face in pixels", config.face_px, at_least=True),
        Gate("yaw_deg", "turn of the head in degrees", config.yaw_deg, at_least=False),
        Gate("pitch_deg", "tilt of the head in degrees", config.pitch_deg, at_least=False),
        Gate("bridged", "share of frames without the face", config.bridged, at_least=False),
        Gate("lips", "log speed of the lips in speech", config.lips, at_least=True),
        Gate("sync", "correlation of mouth and voice", config.sync, at_least=True),
        Gate("sync_lag", "frames between mouth and voice", config.sync_lag, at_least=False),
        Gate("overlap", "share of speech that overlaps", config.overlap, at_least=False),
        Gate("tonality", "share of sound with steady tones", config.tonality, at_least=False),
    )


def rejections(measures: Mapping[str, float], gates: Sequence[Gate]) -> dict[str, str]:
    """Names of the gates that the measures do not pass, with the reason in words."""
    return {
        gate.name: gate.reason(measures[gate.name])
        for gate in gates
        if gate.name in measures and not gate.passes(measures[gate.name])
    }


def worst_of(sides: Sequence[Mapping[str, float]], gates: Sequence[Gate]) -> dict[str, float]:
    """The measures of a sample: of each, the worse of its sides'."""
    worst: dict[str, float] = {}
    for gate in gates:
        values = [side[gate.name] for side in sides if gate.name in side]
        if values:
            worst[gate.name] = min(values) if gate.at_least else max(values)
    return worst


def face_measures(
    landmarks_TN3: Floats, seen_T: Flags, mean_N3: NDArray[np.float64]
) -> dict[str, float]:
    """Size and pose of a face, and how much of it was not seen."""
    pose, _ = solve_pose(landmarks_TN3[seen_T], mean_N3)
    angles_T3 = np.abs(np.degrees(rotation_to_euler(pose.rotation_33)))
    tall_T = np.ptp(landmarks_TN3[seen_T][..., 1], axis=1)
    pitch, yaw, _ = np.percentile(angles_T3, 90, axis=0)
    return {
        "face_px": float(np.median(tall_T)),
        "yaw_deg": float(yaw),
        "pitch_deg": float(pitch),
        "bridged": float(1 - seen_T.mean()),
    }


def sync_measures(
    mouth_T: Floats, activity_T: Floats, audio_S: Samples, speech_T: Flags
) -> dict[str, float]:
    """Do the lips move in speech, how well do they follow its level, and how late; empty without.

    `activity_T` is `tracks.speakers.mouth_activity`, which tells a speaking mouth best. Opening and
    level agree poorly in the wild, where people rest with open mouths; so their limit is low, and a
    lag counts only where they agree much better with it than without.
    """
    if int(speech_T.sum()) < _LEAST_SPEECH_FRAMES:
        return {}
    moving_T = activity_T[speech_T & np.isfinite(activity_T)]
    lips = {"lips": float(moving_T.mean())} if moving_T.size else {}
    if int(speech_T.sum()) < _LEAST_SYNC_FRAMES:
        return lips
    level_T = _level(audio_S, len(mouth_T))
    courses = {lag: _correlation(mouth_T, level_T, lag) for lag in SYNC_LAGS}
    best = max(courses, key=lambda lag: courses[lag])
    near = max(value for lag, value in courses.items() if abs(lag) <= 2)
    if int(speech_T.sum()) < _LEAST_LAG_FRAMES:
        return lips | {"sync": near}
    apart = courses[best] > max(near + _BETTER, 0.3)
    return lips | {"sync": near, "sync_lag": float(abs(best)) if apart else 0.0}


def overlap_of(first_T: Flags, second_T: Flags) -> dict[str, float]:
    """Share of all speech during which both speak; empty without speech."""
    spoken = int((first_T | second_T).sum())
    if spoken < _LEAST_SPEECH_FRAMES:
        return {}
    return {"overlap": float((first_T & second_T).sum()) / spoken}


def tonality_of(audio_S: Samples) -> dict[str, float]:
    """Share of the audible sound that holds two or more tones which stay at their pitch.

    A voice glides: its partials leave their frequency within a quarter of a second. Instruments
    hold theirs. Empty where nothing can be heard.
    """
    sound_S = to_sound(audio_S)
    if len(sound_S) < 2 * _TONE_WINDOW:
        return {}
    frequency_F, _, spectrum_FT = stft(
        sound_S, SAMPLE_RATE_HZ, nperseg=_TONE_WINDOW, noverlap=_TONE_WINDOW - _TONE_HOP
    )
    power_FT = np.abs(spectrum_FT) ** 2
    heard_T = power_FT.sum(axis=0) > max(1e-3 * float(np.max(power_FT.sum(axis=0))), 1e-9)
    if not heard_T.any():
        return {}
    level_FT = 10 * np.log10(power_FT + 1e-12)
    band = (frequency_F >= _TONE_HZ[0]) & (frequency_F <= _TONE_HZ[1])
    steady_T = _steady_tones(level_FT[band]) >= 2
    return {"tonality": float(steady_T[heard_T].mean())}


def _steady_tones(level_FT: Floats) -> Floats:
    """How many peaks of each window have been in place for long, or will have been, (T,)."""
    above = np.pad(level_FT, ((1, 1), (0, 0)), constant_values=-np.inf)
    peak_FT = (level_FT > above[:-2]) & (level_FT > above[2:])
    peak_FT &= level_FT > np.median(level_FT, axis=0) + _TONE_OVER_DB
    count_FT = np.zeros(peak_FT.shape, np.int32)
    for frame in range(peak_FT.shape[1]):
        before_F = count_FT[:, frame - 1] if frame else np.zeros(len(peak_FT), np.int32)
        count_FT[:, frame] = np.where(peak_FT[:, frame], before_F + 1, 0)
    for frame in range(peak_FT.shape[1] - 2, -1, -1):
        grows_F = (count_FT[:, frame] > 0) & (count_FT[:, frame + 1] > 0)
        count_FT[:, frame] = np.where(grows_F, count_FT[:, frame + 1], count_FT[:, frame])
    steady_T: Floats = (count_FT >= _TONE_STEADY).sum(axis=0).astype(np.float32)
    return steady_T


def _level(audio_S: Samples, frames: int) -> Floats:
    """Level of each frame in dB over a floor."""
    blocks_TS = to_sound(audio_S[: frames * SAMPLES_PER_FRAME]).reshape(frames, SAMPLES_PER_FRAME)
    level_T: Floats = 10 * np.log10(np.mean(blocks_TS**2, axis=1) + 1e-6)
    return level_T


def _correlation(mouth_T: Floats, level_T: Floats, lag: int) -> float:
    """Pearson correlation, the mouth taken `lag` frames later."""
    frames = len(mouth_T)
    late_T = mouth_T[max(0, lag) : frames + min(0, lag)]
    early_T = level_T[max(0, -lag) : frames - max(0, lag)]
    if late_T.std() < 1e-9 or early_T.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(late_T, early_T)[0, 1])
