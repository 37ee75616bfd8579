"""All figures of a system's motion against the truth, each a statistic of the clips' weights.

So one draw of the bootstrap serves a figure, and the difference of two systems on the same clips is
a statistic, too, whose interval is far tighter than that of either.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from threadpoolctl import threadpool_limits

from afgen.evaluate.comparison.cases import Case
from afgen.evaluate.face import read_face
from afgen.evaluate.metrics.bootstrap import Statistic, mean_of
from afgen.evaluate.metrics.correlation import rpcc_of_clips, rpcc_of_corpus
from afgen.evaluate.metrics.diversity import (
    CLUSTERINGS,
    Array,
    ClusterConfig,
    cluster_counts,
    fit_clusters,
    sid_of_corpus,
    variances,
)
from afgen.evaluate.metrics.frechet import fd_of_clips, paired_fd_of_clips
from afgen.evaluate.metrics.liveliness import blinks_per_minute, deviations, drift, jitter
from afgen.evaluate.metrics.reactivity import Components, GrangerConfig, components, reactivity
from afgen.evaluate.metrics.space import MESH, MotionSpace
from afgen.evaluate.metrics.sync import level_db, sync_of
from afgen.signals import Floats, Samples, to_sound
from afgen.tracks.speech import detect_speech

_NOTHING: Final = float("nan")


@dataclass(frozen=True, slots=True)
class FigureConfig:
    """Choices of the metrics; docs/metrics.md argues them."""

    space: MotionSpace = MESH
    clusters: ClusterConfig = field(default_factory=ClusterConfig)
    granger: GrangerConfig = field(default_factory=GrangerConfig)
    avatar_components: int = 6  # of each part, that R-DGG explains
    user_components: int = 3  # of each part, that R-DGG explains them with


@dataclass(frozen=True, slots=True)
class _Link:
    """Of one clip: what the user did and the avatar's own voice, as R-DGG takes them."""

    user_TX: Array | None
    voice_T1: Array | None


class Truth:
    """The clips and everything that is fitted on the ground truth alone, once for all systems."""

    def __init__(self, cases: Sequence[Case], config: FigureConfig | None = None) -> None:
        self.cases = list(cases)
        self.config = config or FigureConfig()
        space, motions = self.config.space, [case.motion_TD for case in cases]
        self.unit_D = deviations(motions)
        with threadpool_limits(1, "blas"):  # all matrices here are too small to be shared
            self._centres = self._clusters(motions)
        self._avatar = {
            part: components(
                [space.cut(one, part) for one in motions], self.config.avatar_components
            )
            for part in space.parts
        }
        levels = [_level(case.audio_S, case.frames) for case in cases]
        self._links = self._linked(levels)
        self._levels = [
            level_T if level_T is not None and _speaks(case) else None
            for case, level_T in zip(cases, levels, strict=True)
        ]

    def _clusters(self, motions: Sequence[Floats]) -> dict[tuple[str, str], Array]:
        """Centres by the style of clustering and the part."""
        return {
            (style, part): fit_clusters(
                np.concatenate([self.config.space.cut(one, part) for one in motions]),
                clusters,
                self.config.clusters,
            )
            for style, numbers in CLUSTERINGS.items()
            for part, clusters in numbers.items()
        }

    def figures(self, motions: Sequence[Floats]) -> dict[str, Statistic]:
        """Every figure by its name, of one motion (T, D) a clip.

        A figure of clips without what it needs (a user, a voice, enough length) is NaN.
        """
        with threadpool_limits(1, "blas"):
            return {
                **self._distributions(motions),
                **self._with_user(motions),
                **self._reactivity(motions),
                **self._face(motions),
            }

    def _distributions(self, motions: Sequence[Floats]) -> dict[str, Statistic]:
        found: dict[str, Statistic] = {}
        for part in self.config.space.parts:
            truth, made = self._cut(part, [case.motion_TD for case in self.cases], motions)
            found[f"var_{part}"] = mean_of(variances(made))
            found[f"fd_{part}"] = mean_of(fd_of_clips(truth, made))
            for style in CLUSTERINGS:
                centres_KD = self._centres[style, part]
                counts_CK = np.array([cluster_counts(one, centres_KD) for one in made])
                found[f"sid_{style}_{part}"] = sid_of_corpus(counts_CK)
        return found

    def _with_user(self, motions: Sequence[Floats]) -> dict[str, Statistic]:
        """Figures that need the user's motion; of those clips that have it."""
        seen = [i for i, case in enumerate(self.cases) if case.user_motion_TD is not None]
        names = ("rpcc_corpus", "rpcc_clips", "pfd")
        if not seen:
            missing = mean_of(np.full(len(self.cases), _NOTHING))
            return {f"{name}_{part}": missing for name in names for part in self.config.space.parts}
        user = [one for case in self.cases if (one := case.user_motion_TD) is not None]
        found: dict[str, Statistic] = {}
        for part in self.config.space.parts:
            three = self._cut(
                part,
                [self.cases[i].motion_TD for i in seen],
                [motions[i] for i in seen],
                user,
            )
            found[f"rpcc_corpus_{part}"] = _of_some(rpcc_of_corpus(*three), seen)
            found[f"rpcc_clips_{part}"] = _of_some(mean_of(rpcc_of_clips(*three)), seen)
            found[f"pfd_{part}"] = _of_some(mean_of(paired_fd_of_clips(*three)), seen)
        return found

    def _reactivity(self, motions: Sequence[Floats]) -> dict[str, Statistic]:
        """R-DGG by the avatar's own history alone, and given the avatar's own voice as well."""
        found: dict[str, Statistic] = {}
        for part in self.config.space.parts:
            targets = [self._avatar[part].of(self.config.space.cut(one, part)) for one in motions]
            for name, with_voice in (("rdgg", False), ("rdgg_given_voice", True)):
                found[f"{name}_{part}"] = mean_of(
                    [
                        self._excess(target_TK, link, with_voice)
                        for target_TK, link in zip(targets, self._links, strict=True)
                    ]
                )
        return found

    def _excess(self, target_TK: Array, link: _Link, with_voice: bool) -> float:
        if link.user_TX is None or (with_voice and link.voice_T1 is None):
            return _NOTHING
        given_T1 = link.voice_T1 if with_voice else None
        gain = reactivity(target_TK, link.user_TX, given_T1, self.config.granger)
        return _NOTHING if gain is None else gain.excess

    def _face(self, motions: Sequence[Floats]) -> dict[str, Statistic]:
        """Sync of the mouth, blinks, jitter and drift."""
        rows = [
            self._face_of(case, motion_TD, level_T)
            for case, motion_TD, level_T in zip(self.cases, motions, self._levels, strict=True)
        ]
        return {name: mean_of([row[name] for row in rows]) for name in rows[0]}

    def _face_of(self, case: Case, motion_TD: Floats, level_T: Floats | None) -> dict[str, float]:
        face, true_T = read_face(motion_TD), case.mouth_T
        if true_T is None:
            true_T = read_face(case.motion_TD).mouth_T
        found = dict.fromkeys(("lips", "lips_lag", "voice", "voice_lag"), _NOTHING)
        if level_T is not None:
            lips, voice = sync_of(face.mouth_T, true_T), sync_of(face.mouth_T, level_T)
            found |= {"lips": lips.correlation, "lips_lag": lips.lag_frames}
            found |= {"voice": voice.correlation, "voice_lag": voice.lag_frames}
        return found | {
            "blinks": blinks_per_minute(face.eyes_T),
            "jitter": jitter(motion_TD, self.unit_D),
            "drift": drift(motion_TD, self.unit_D),
        }

    def _linked(self, levels: Sequence[Floats | None]) -> list[_Link]:
        seen = [one for case in self.cases if (one := case.user_motion_TD) is not None]
        space = self.config.space
        user = {
            part: components([space.cut(one, part) for one in seen], self.config.user_components)
            for part in (space.parts if seen else ())
        }
        return [
            _Link(
                _user_signals(case, user, space),
                None if level_T is None else np.asarray(level_T, np.float64)[:, None],
            )
            for case, level_T in zip(self.cases, levels, strict=True)
        ]

    def _cut(self, part: str, *several: Sequence[Floats]) -> list[list[Floats]]:
        return [[self.config.space.cut(one, part) for one in motions] for motions in several]


def _user_signals(case: Case, user: dict[str, Components], space: MotionSpace) -> Array | None:
    """What the user did (T, X): components of the motion and the voice's level, as known."""
    columns: list[Array] = []
    if case.user_motion_TD is not None:
        columns += [found.of(space.cut(case.user_motion_TD, part)) for part, found in user.items()]
    level_T = _level(case.user_audio_S, case.frames)
    if level_T is not None:
        columns.append(np.asarray(level_T, np.float64)[:, None])
    return np.hstack(columns) if columns else None


def _level(audio_S: Samples | None, frames: int) -> Floats | None:
    return None if audio_S is None else level_db(audio_S, frames)


def _speaks(case: Case) -> bool:
    """Whether the avatar says anything: a silent mouth has no sync."""
    if case.audio_S is None:
        return False
    speech, _ = detect_speech(to_sound(case.audio_S))
    return bool(speech.active_T.any())


def _of_some(statistic: Statistic, clips: Sequence[int]) -> Statistic:
    """A statistic of some of the clips as one of all; NaN where none of them is drawn."""
    index = np.asarray(clips, np.intp)

    def of_all(weights_C: Array) -> float:
        weights = weights_C[index]
        return statistic(weights) if weights.any() else _NOTHING

    return of_all
