"""`afgen evaluate`: systems on the same clips, their motion kept, their figures side by side.

The output folder holds `motions/`, one file for each system, clip and draw, named by everything it
depends on: a run that was stopped, or is repeated with one system more, makes only what is missing.
"""

import hashlib
import importlib.metadata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from afgen.conditions.features import AudioFeatures
from afgen.errors import OptionError, ShardsError, WeightsMismatchError
from afgen.evaluate.comparison.cases import Case, SampleSet, cases_of
from afgen.evaluate.comparison.figures import FigureConfig, Truth
from afgen.evaluate.comparison.systems import Latency, System
from afgen.evaluate.metrics.bootstrap import (
    BootstrapConfig,
    Estimate,
    Statistic,
    bootstrap,
)
from afgen.evaluate.rollout import Heard
from afgen.media.files import atomic_path
from afgen.signals import Floats, Samples

GROUND_TRUTH: Final = "ground truth"
MOTIONS: Final = "motions"
SHRINKING: Final = "sid"  # figures that are lower the fewer people there are

Tell = Callable[[str, int, int], None]  # stage, done, of how many


def untold(stage: str, done: int, total: int) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True)
class CompareConfig:
    """How much is generated and how it is judged."""

    draws: int = 1  # motions a clip
    rows: int = 16  # recordings generated side by side
    seed: int = 0
    repetitions: int = 20  # windows timed
    figures: FigureConfig = field(default_factory=FigureConfig)
    bootstrap: BootstrapConfig = field(default_factory=BootstrapConfig)


@dataclass(frozen=True, slots=True)
class Performed:
    """Clips, each as often as it was drawn, and each system's motions of them, the truth first."""

    cases: list[Case]
    motions: dict[str, list[Floats]]


@dataclass(frozen=True, slots=True)
class Row:
    """One system. Figures are by the names of `Truth.figures`."""

    name: str
    fingerprint: str | None  # None for the ground truth
    latency: Latency | None
    figures: dict[str, Estimate]
    against: dict[str, Estimate]  # this system minus the first one, on the same clips


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that was found. Rows begin with the ground truth."""

    rows: list[Row]
    clips: int
    people: int
    frames: int
    keys: list[str]
    config: dict[str, Any]
    versions: dict[str, str]


def perform(
    samples: SampleSet,
    systems: Sequence[System],
    folder: Path,
    config: CompareConfig,
    *,
    keys: Sequence[str] | None = None,
    tell: Tell = untold,
) -> Performed:
    """Every system's motion of every clip; what is not in `folder` yet is generated.

    Raises ShardsError where no clip can be used or the motion is of another family than the face
    mesh, WeightsMismatchError for a system of another family, OptionError for names given twice,
    OutputError, and as `read`.
    """
    cases = list(cases_of(samples, keys))
    _check(cases, systems, config)
    motions = {
        system.name: motions_of(system, cases, folder / MOTIONS, config, tell) for system in systems
    }
    drawn = [case for case in cases for _ in range(config.draws)]
    return Performed(drawn, {GROUND_TRUTH: [case.motion_TD for case in drawn], **motions})


def judge(
    performed: Performed, systems: Sequence[System], config: CompareConfig, tell: Tell = untold
) -> Comparison:
    """Count, time, and set every system beside the ground truth and beside the first system."""
    cases = performed.cases
    truth = Truth(cases, config.figures)
    found: dict[str, dict[str, Statistic]] = {}
    for name, motions in performed.motions.items():
        tell("Measuring", len(found), len(performed.motions))
        found[name] = truth.figures(motions)
    tell("Measuring", len(found), len(found))
    people = [case.person for case in cases]
    truth_row = Row(GROUND_TRUTH, None, None, _estimates(found[GROUND_TRUTH], people, config), {})
    rows = [truth_row]
    for system in systems:
        tell("Timing", len(rows) - 1, len(systems))
        own, first = found[system.name], found[systems[0].name]
        rows.append(
            Row(
                name=system.name,
                fingerprint=digest(system.fingerprint),
                latency=system.latency(config.repetitions),
                figures=_estimates(own, people, config),
                against={} if own is first else _estimates(_minus(own, first), people, config),
            )
        )
    tell("Timing", len(systems), len(systems))
    clips = {case.key: case.frames for case in cases}
    return Comparison(
        rows=rows,
        clips=len(clips),
        people=len(set(people)),
        frames=sum(clips.values()),
        keys=list(clips),
        config=_plain(config),
        versions={name: importlib.metadata.version(name) for name in ("afgen", "numpy", "torch")},
    )


def motions_of(
    system: System, cases: Sequence[Case], folder: Path, config: CompareConfig, tell: Tell
) -> list[Floats]:
    """A system's motion of every clip and draw; read where it is kept, else generated and kept."""
    wanted = [(case, draw) for case in cases for draw in range(config.draws)]
    places = [place_of(system, case, draw, folder, config) for case, draw in wanted]
    missing = [index for index, place in enumerate(places) if not place.is_file()]
    missing.sort(key=lambda index: wanted[index][0].frames)  # rows of one length wait for none
    folder.mkdir(parents=True, exist_ok=True)
    done = len(wanted) - len(missing)
    tell(system.name, done, len(wanted))
    for batch in _batches(missing, config.rows):
        motions = _generate(system, [wanted[index] for index in batch], config)
        for index, motion_TD in zip(batch, motions, strict=True):
            _keep(motion_TD, places[index])
        done += len(batch)
        tell(system.name, done, len(wanted))
    return [np.load(place, allow_pickle=False) for place in places]


def place_of(system: System, case: Case, draw: int, folder: Path, config: CompareConfig) -> Path:
    """Where this motion is kept: named by the system, the clip's content, the seed and the draw."""
    parts = (system.fingerprint, case.sha256, str(config.seed), str(draw))
    return folder / f"{digest(' '.join(parts))}.npy"


def digest(text: str) -> str:
    """Hex SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def heard_of(case: Case, features: AudioFeatures) -> Heard:
    """What a system is given of a clip."""
    return Heard(
        _rows(features, case.audio_S, case.frames),
        _rows(features, case.user_audio_S, case.frames),
        case.user_motion_TD,
        length=case.frames,
    )


def _check(cases: Sequence[Case], systems: Sequence[System], config: CompareConfig) -> None:
    if not cases:
        raise ShardsError("No sample has a person's motion and something that was heard or seen.")
    dim = config.figures.space.dim
    for case in cases:
        if case.motion_TD.shape[1] != dim:
            raise ShardsError(
                f"{case.key} has motion of {case.motion_TD.shape[1]} numbers, not {dim}.",
                hint="Expression and pose can be told apart in motion of the face mesh alone.",
            )
    names = [GROUND_TRUTH, *(system.name for system in systems)]
    if len(set(names)) < len(names):
        raise OptionError(f"Two rows have one name: {', '.join(names)}.")
    for system in systems:
        if system.motion_dim != dim:
            raise WeightsMismatchError(
                f"{system.name} makes motion of {system.motion_dim} numbers, not {dim}.",
                hint="Expression and pose can be told apart in motion of the face mesh alone.",
            )


def _generate(
    system: System, batch: Sequence[tuple[Case, int]], config: CompareConfig
) -> list[Floats]:
    """The portrait is the clip's first frame, as in the paper; the seed is of the clip and draw."""
    heard = [heard_of(case, system.features) for case, _ in batch]
    reference_RD = np.stack([case.motion_TD[0] for case, _ in batch])
    seeds = [_seed(case, draw, config.seed) for case, draw in batch]
    return system.generate(heard, reference_RD, seeds)


def _seed(case: Case, draw: int, seed: int) -> int:
    """The same for every system, so that they differ by what they make of the same noise."""
    return int(digest(f"{case.sha256} {seed} {draw}")[:8], 16)


def _rows(features: AudioFeatures, audio_S: Samples | None, frames: int) -> Floats | None:
    return None if audio_S is None else features.rows(audio_S, 0, frames)[0]


def _keep(motion_TD: Floats, place: Path) -> None:
    with atomic_path(place) as temporary, temporary.open("wb") as file:
        np.save(file, motion_TD.astype(np.float32), allow_pickle=False)


def _batches(indices: list[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(indices), size):
        yield indices[start : start + size]


def _estimates(
    found: dict[str, Statistic], people: Sequence[str], config: CompareConfig
) -> dict[str, Estimate]:
    return {
        name: bootstrap(statistic, people, config.bootstrap, centred=name.startswith(SHRINKING))
        for name, statistic in found.items()
    }


def _minus(own: dict[str, Statistic], first: dict[str, Statistic]) -> dict[str, Statistic]:
    def difference(one: Statistic, other: Statistic) -> Statistic:
        return lambda weights_C: one(weights_C) - other(weights_C)

    return {name: difference(statistic, first[name]) for name, statistic in own.items()}


def _plain(config: CompareConfig) -> dict[str, Any]:
    """The configuration as JSON can have it."""
    plain = asdict(config)
    space = config.figures.space
    plain["figures"]["space"] = {
        "dim": space.dim,
        **{part: [columns.start, columns.stop] for part, columns in space.parts.items()},
    }
    return plain
