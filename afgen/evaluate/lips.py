"""Does the mouth follow the sound: correlation of generated and real inner-lip opening.

Measured on real talking of speakers that no weights were trained on, through the streaming sampler
as a render uses it. With the sound of another clip the correlation must fall to what clips share
anyway: in GRID everybody says six words in the middle of three seconds. That share is measured on
the real mouths of the same two clips. Counted over the frames in which both speak, the silence they
share is out of it.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import numpy as np

from afgen.conditions.logmel import LogMelFeatures
from afgen.data.shards import open_shards
from afgen.errors import FileMissingError
from afgen.evaluate.face import read_face
from afgen.evaluate.rollout import Heard, generate
from afgen.generator.stream import MotionSampler
from afgen.signals import Flags, Floats, to_sound
from afgen.tracks.speech import detect_speech

LAGS: Final = range(-4, 5)  # frames; positive: the generated mouth is late
ACCEPTED_LAG: Final = 1
_FIELDS: Final = ("avatar_mouth_T", "avatar_audio_S")


@dataclass(frozen=True, slots=True)
class LipScore:
    """One clip, or the mean of several.

    The clip's real mouth against one generated from its own sound, one generated from the sound of
    each other clip, and the real mouths of the other clips (each a mean); over all frames, and over
    those in which both clips speak.
    """

    clip: str
    correlation: float  # at the best lag of at most one frame
    best_lag: int  # frames, over a wider search
    other_sound: float
    other_mouths: float
    speech_correlation: float
    speech_other_sound: float
    speech_other_mouths: float
    amplitude: float  # deviation of the generated opening over that of the real one


@dataclass(frozen=True, slots=True)
class _TalkingClip:
    name: str
    audio_TA: Floats
    opening_T: Floats
    speech_T: Flags


def measure_lips(sampler: MotionSampler, shards_dir: Path, *, draws: int = 4) -> list[LipScore]:
    """A score per prepared clip, each the mean over `draws` samples, and the mean of all.

    Raises FileMissingError where there are fewer than two clips.
    """
    clips = _load(shards_dir)
    openings = _openings(sampler, clips, draws)
    scores = [_score(clips, openings, index) for index in range(len(clips))]
    return [*scores, _mean(scores)]


def _load(shards_dir: Path) -> list[_TalkingClip]:
    features, clips, shards = LogMelFeatures(), [], open_shards(shards_dir)
    for key in sorted(shards.keys):
        arrays = shards.read(key, _FIELDS).arrays
        if len(arrays) < len(_FIELDS):
            continue
        opening_T, audio_S = (arrays[name] for name in _FIELDS)
        sound_S = to_sound(audio_S)
        rows_TA, _ = features(sound_S)
        speech, _ = detect_speech(sound_S)
        clips.append(_TalkingClip(key, rows_TA, opening_T, speech.active_T))
    if len(clips) < 2:
        raise FileMissingError(f"fewer than two prepared clips in {shards_dir}")
    return clips


def _openings(sampler: MotionSampler, clips: list[_TalkingClip], draws: int) -> list[list[Floats]]:
    """Generated openings, per clip and draw, of a neutral face that hears the clip's sound."""
    heard = [Heard(clip.audio_TA) for clip in clips for _ in range(draws)]
    reference_RD = np.zeros((len(heard), sampler.model.config.motion_dim), np.float32)
    motions = generate(sampler, heard, reference_RD, range(len(heard)))
    openings = [read_face(motion_TD).mouth_T for motion_TD in motions]
    return [openings[index * draws : (index + 1) * draws] for index in range(len(clips))]


def _score(clips: list[_TalkingClip], openings: list[list[Floats]], index: int) -> LipScore:
    clip, own = clips[index], openings[index]
    courses = np.array([[correlation(one, clip.opening_T, lag) for lag in LAGS] for one in own])
    mean_L = courses.mean(axis=0)
    near = [LAGS.index(lag) for lag in range(-ACCEPTED_LAG, ACCEPTED_LAG + 1)]
    others = [other for other in range(len(clips)) if other != index]
    sounds = [_agreement(clip, clips[other], openings[other]) for other in others]
    mouths = [_agreement(clip, clips[other], [clips[other].opening_T]) for other in others]
    return LipScore(
        clip=clip.name,
        correlation=float(mean_L[near].max()),
        best_lag=LAGS[int(mean_L.argmax())],
        other_sound=float(np.mean([one for one, _ in sounds])),
        other_mouths=float(np.mean([one for one, _ in mouths])),
        speech_correlation=_agreement(clip, clip, own)[1],
        speech_other_sound=float(np.mean([one for _, one in sounds])),
        speech_other_mouths=float(np.mean([one for _, one in mouths])),
        amplitude=float(np.mean([one.std() for one in own]) / clip.opening_T.std()),
    )


def _agreement(
    clip: _TalkingClip, source: _TalkingClip, openings: list[Floats]
) -> tuple[float, float]:
    """Mean correlation of the clip's mouth with openings that belong to `source`.

    Over all frames, and over those in which both clips speak.
    """
    frames = min(len(clip.opening_T), len(source.opening_T))
    real_T = clip.opening_T[:frames]
    both_T = clip.speech_T[:frames] & source.speech_T[:frames]
    over_all = [correlation(one[:frames], real_T, 0) for one in openings]
    in_speech = [correlation(one[:frames][both_T], real_T[both_T], 0) for one in openings]
    return float(np.mean(over_all)), float(np.mean(in_speech))


def correlation(generated_T: Floats, real_T: Floats, lag: int) -> float:
    """Pearson correlation of the generated course, taken `lag` frames later, with the real one."""
    frames = min(len(generated_T), len(real_T))
    start, end = max(0, -lag), frames - max(0, lag)
    shifted, fixed = generated_T[start + lag : end + lag], real_T[start:end]
    if shifted.std() < 1e-9 or fixed.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(shifted, fixed)[0, 1])


def _mean(scores: list[LipScore]) -> LipScore:
    means = {
        field.name: float(np.mean([getattr(score, field.name) for score in scores]))
        for field in fields(LipScore)
        if field.name not in ("clip", "best_lag")
    }
    lag = round(float(np.median([score.best_lag for score in scores])))
    return LipScore(clip="mean", best_lag=lag, **means)
