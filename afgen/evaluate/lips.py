"""Does the mouth follow the sound: correlation of generated and real inner-lip opening.

Measured on real talking of speakers that no weights were trained on, through the streaming sampler
as a render uses it. With another clip's sound the correlation must fall to what the clips' shared
timing alone gives: in GRID everybody speaks in the middle of three seconds.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from afgen.clock import SAMPLES_PER_FRAME
from afgen.conditions.logmel import LogMelFeatures
from afgen.errors import FileMissingError
from afgen.evaluate.face import read_face
from afgen.evaluate.rollout import Heard, generate
from afgen.generator.stream import MotionSampler
from afgen.signals import Floats

LAGS: Final = range(-4, 5)  # frames; positive: the generated mouth is late
ACCEPTED_LAG: Final = 1


@dataclass(frozen=True, slots=True)
class LipScore:
    """One clip, or the mean of several."""

    clip: str
    correlation: float  # at the best lag of at most one frame
    best_lag: int  # frames, over a wider search
    with_other_sound: float  # correlation when the next clip's sound is given
    shared_timing: float  # correlation of this clip's real mouth with the next clip's real mouth
    amplitude: float  # deviation of the generated opening over that of the real one


@dataclass(frozen=True, slots=True)
class _TalkingClip:
    name: str
    audio_TA: Floats
    opening_T: Floats


def measure_lips(sampler: MotionSampler, features_dir: Path, *, draws: int = 4) -> list[LipScore]:
    """A score per clip of the folder, each the mean over `draws` samples, and the mean of all.

    Raises FileMissingError on a folder with fewer than two clips.
    """
    clips = _load(features_dir)
    own = _openings(sampler, clips, clips, draws)
    following = [*clips[1:], clips[0]]
    other = _openings(sampler, clips, following, draws)
    scores = [
        _score(clip, following[index], own[index], other[index]) for index, clip in enumerate(clips)
    ]
    return [*scores, _mean(scores)]


def _load(features_dir: Path) -> list[_TalkingClip]:
    features, clips = LogMelFeatures(), []
    for path in sorted(features_dir.glob("*.npz")):
        with np.load(path) as stored:
            opening_T, audio_S = stored["mouth_open"], stored["audio"]
        frames = min(len(opening_T), len(audio_S) // SAMPLES_PER_FRAME)
        rows_TA, _ = features(audio_S[: frames * SAMPLES_PER_FRAME])
        clips.append(_TalkingClip(path.stem, rows_TA, opening_T[:frames]))
    if len(clips) < 2:
        raise FileMissingError(f"fewer than two prepared clips in {features_dir}")
    return clips


def _openings(
    sampler: MotionSampler, clips: list[_TalkingClip], sounds: list[_TalkingClip], draws: int
) -> list[list[Floats]]:
    """Generated openings, per clip and draw, of a neutral face that hears the given sounds."""
    heard = [Heard(sound.audio_TA) for sound in sounds for _ in range(draws)]
    reference_RD = np.zeros((len(heard), sampler.model.config.motion_dim), np.float32)
    motions = generate(sampler, heard, reference_RD, range(len(heard)))
    openings = [read_face(motion_TD).mouth_T for motion_TD in motions]
    return [openings[index * draws : (index + 1) * draws] for index in range(len(clips))]


def _score(
    clip: _TalkingClip, following: _TalkingClip, own: list[Floats], other: list[Floats]
) -> LipScore:
    courses = np.array([[correlation(one, clip.opening_T, lag) for lag in LAGS] for one in own])
    mean_L = courses.mean(axis=0)
    near = [LAGS.index(lag) for lag in range(-ACCEPTED_LAG, ACCEPTED_LAG + 1)]
    return LipScore(
        clip=clip.name,
        correlation=float(mean_L[near].max()),
        best_lag=LAGS[int(mean_L.argmax())],
        with_other_sound=float(np.mean([correlation(one, clip.opening_T, 0) for one in other])),
        shared_timing=correlation(following.opening_T, clip.opening_T, 0),
        amplitude=float(np.mean([one.std() for one in own]) / clip.opening_T.std()),
    )


def correlation(generated_T: Floats, real_T: Floats, lag: int) -> float:
    """Pearson correlation of the generated course, taken `lag` frames later, with the real one."""
    frames = min(len(generated_T), len(real_T))
    start, end = max(0, -lag), frames - max(0, lag)
    shifted, fixed = generated_T[start + lag : end + lag], real_T[start:end]
    if shifted.std() < 1e-9 or fixed.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(shifted, fixed)[0, 1])


def _mean(scores: list[LipScore]) -> LipScore:
    return LipScore(
        clip="mean",
        correlation=float(np.mean([score.correlation for score in scores])),
        best_lag=round(float(np.median([score.best_lag for score in scores]))),
        with_other_sound=float(np.mean([score.with_other_sound for score in scores])),
        shared_timing=float(np.mean([score.shared_timing for score in scores])),
        amplitude=float(np.mean([score.amplitude for score in scores])),
    )
