"""What people do while they listen: simulated ones beside real ones, counted in the same way.

Somebody listens while the other speaks, or has within the last second, and they themselves have
been silent for half a second. Prepared recordings show what is tracked, which is smoothed; composed
conversations, whose motion is exact, are made as smooth before anything is counted. Of composed
ones the avatar counts alone: the simulated user sees nobody.

Shape letters: C clips, T frames, D motion, X channels, F frequencies.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from afgen.autoencoder.mesh.encode import smoothed_clip
from afgen.clock import FRAME_RATE_HZ, SAMPLES_PER_FRAME
from afgen.data.composed import COMPOSED
from afgen.data.listeners import hear
from afgen.data.listeners.answers import Cue, opportunities
from afgen.data.listeners.cues import LOUDEST_DB, hold, run_lengths
from afgen.data.shards import Array as Stored
from afgen.data.shards import Sample, ShardSet, open_shards
from afgen.errors import ShardsError
from afgen.evaluate.face import FaceReadings, read_face
from afgen.evaluate.listening.nods import Nod, nods_in
from afgen.evaluate.listening.reactions import blinks, smiles
from afgen.evaluate.metrics.bootstrap import BootstrapConfig, Estimate, Statistic, bootstrap
from afgen.evaluate.metrics.coupling import (
    Correlations,
    Ratio,
    Root,
    correlations,
    slow_part,
    spectrum,
    windows_of,
)
from afgen.signals import Flags, Samples, to_sound

Array = NDArray[np.float64]

TURN_FRAMES: Final = FRAME_RATE_HZ  # a rest of the other's no longer than this ends no turn
REST_FRAMES: Final = FRAME_RATE_HZ // 2  # of one's own silence before one listens
SLOW_HZ: Final = (0.2, 1.1)  # at which partners' heads cohere (Hale et al. 2020)
BANDS_HZ: Final = ((0.3, 1.1), (1.1, 2.6), (2.6, 6.5))
ANSWER_S: Final = (0.2, 1.6)  # after a cue, within which a nod may answer it
AROUND_S: Final = (-1.0, 2.5)  # of a cue, that are looked at
BIN_FRAMES: Final = 5
LAGS_S: Final = (-1.5, 3.0)
FEW: Final = 5  # events of which no mean is told
SHORTEST_FRAMES: Final = 4 * FRAME_RATE_HZ  # of a clip whose slow motion is compared


@dataclass(frozen=True, slots=True)
class Listener:
    """One person in one clip."""

    clip: str
    person: str
    face: FaceReadings
    listening_T: Flags
    nods: list[Nod]  # while listening
    cues: Mapping[Cue, list[int]]  # frames of the other's voice that invite an answer, the same
    partner: FaceReadings | None  # None where the other is not seen

    @property
    def minutes(self) -> float:
        """Of listening."""
        return int(self.listening_T.sum()) / FRAME_RATE_HZ / 60


@dataclass(frozen=True)
class Listeners:
    """All who listen in a set of shards, and what is measured of them."""

    name: str
    listeners: Sequence[Listener]
    estimates: Mapping[str, Estimate]
    spectrum_F: tuple[Array, Array]  # Hz, share of the head's squared speed a Hz
    around: Mapping[Cue, tuple[Array, Array]]  # s after a cue, nods that begin a minute
    heads: Correlations
    smiles: Correlations

    @property
    def minutes(self) -> float:
        """Of listening."""
        return sum(one.minutes for one in self.listeners)

    @property
    def counts(self) -> dict[str, float]:
        """What the figures rest on."""
        cues = {
            f"cues_{cue.value}": sum(len(one.cues[cue]) for one in self.listeners)
            for cue in (Cue.PAUSE, Cue.LOW_PITCH)
        }
        nods = sum(len(one.nods) for one in self.listeners)
        return {"people": self.people, "seconds": 60 * self.minutes, "nods": nods, **cues}

    @property
    def people(self) -> int:
        """Different ones."""
        return len({one.person for one in self.listeners})


def measure_listeners(shards_dir: Path, config: BootstrapConfig | None = None) -> Listeners:
    """Everybody who listens in a folder of shards, with intervals from drawing people.

    Raises FileMissingError, ShardsDamagedError, and ShardsError where nobody listens.
    """
    listeners = list(listeners_in(open_shards(shards_dir)))
    if not listeners:
        raise ShardsError(f"Nobody listens to anybody in {shards_dir}.")
    people = [one.person for one in listeners]
    few = _evidence(listeners)
    heads, others_heads = _heads(listeners)
    smiling, others_smiling = _smiling(listeners)
    statistics = {
        **_events(listeners),
        **_motion(listeners),
        **_answers(listeners),
        "heads_r": heads.highest,
        "heads_r_others": others_heads.highest,
        "heads_lag_s": heads.lag,
        "smiles_r": smiling.highest,
        "smiles_r_others": others_smiling.highest,
        "smiles_lag_s": smiling.lag,
    }
    return Listeners(
        name=shards_dir.resolve().name,
        listeners=listeners,
        estimates={
            name: Estimate(math.nan) if few.get(name, FEW) < FEW else bootstrap(one, people, config)
            for name, one in statistics.items()
        },
        spectrum_F=_speed_spectrum(listeners),
        around={cue: _around(listeners, cue) for cue in (Cue.PAUSE, Cue.LOW_PITCH)},
        heads=heads,
        smiles=smiling,
    )


def _evidence(listeners: Sequence[Listener]) -> dict[str, int]:
    """Of how many events a figure is made, where it is made of events that may be few."""
    nods = sum(len(one.nods) for one in listeners)
    counts = dict.fromkeys(("nod_depth_deg", "nod_length_s", "nod_cycles"), nods)
    for cue in (Cue.PAUSE, Cue.LOW_PITCH):
        counts[f"{cue.value}_lift"] = sum(len(one.cues[cue]) for one in listeners)
        counts[f"{cue.value}_delay_s"] = sum(len(_waits(one, cue)) for one in listeners)
    return counts


def listeners_in(shards: ShardSet) -> Iterator[Listener]:
    """Sides of samples in which somebody is seen to listen to a voice."""
    composed = COMPOSED in shards.about
    wanted = ("motion_TD", "speech_T", "audio_S")
    for key in shards.keys:
        sample = shards.read(
            key, [f"{side}_{name}" for side in ("avatar", "user") for name in wanted]
        )
        sides = (("avatar", "user"),) if composed else (("avatar", "user"), ("user", "avatar"))
        for own, other in sides:
            needed = {
                f"{own}_motion_TD",
                f"{own}_speech_T",
                f"{other}_audio_S",
                f"{other}_speech_T",
            }
            if needed <= sample.arrays.keys():
                listener = _listener(sample, own, other, smooth=composed)
                if listener.listening_T.any():
                    yield listener


def _listener(sample: Sample, own: str, other: str, *, smooth: bool) -> Listener:
    arrays = sample.arrays
    face = _face(arrays[f"{own}_motion_TD"], smooth)
    seen_TD = arrays.get(f"{other}_motion_TD")
    listening_T = listening(arrays[f"{own}_speech_T"], arrays[f"{other}_speech_T"])
    return Listener(
        clip=sample.key,
        person=_person(sample, own),
        face=face,
        listening_T=listening_T,
        nods=[nod for nod in nods_in(face.pitch_T) if listening_T[nod.lowest]],
        cues=_cues(arrays[f"{other}_audio_S"], listening_T),
        partner=None if seen_TD is None else _face(seen_TD, smooth),
    )


def listening(own_speech_T: Flags, other_speech_T: Flags) -> Flags:
    """Frames of the other's turn, short rests included, in which oneself has been silent."""
    heard: Flags = hold(other_speech_T, TURN_FRAMES) & (run_lengths(~own_speech_T) > REST_FRAMES)
    return heard


def _face(motion_TD: Stored, smooth: bool) -> FaceReadings:
    return read_face(smoothed_clip(motion_TD).astype(np.float32) if smooth else motion_TD)


def _person(sample: Sample, side: str) -> str:
    """A role in a recording; where the metadata names no recording, one in the sample."""
    source, roles = sample.metadata.get("source"), sample.metadata.get("roles")
    file = source.get("file") if isinstance(source, Mapping) else None
    role = roles.get(side) if isinstance(roles, Mapping) else None
    return f"{file or sample.key} {role or side}"


def _cues(audio_S: Samples, listening_T: Flags) -> dict[Cue, list[int]]:
    """What invites an answer in a voice that is first made as loud as `hear` wants it."""
    sound_S = to_sound(audio_S)[: len(listening_T) * SAMPLES_PER_FRAME]
    level_T = np.sqrt(np.square(sound_S).reshape(-1, SAMPLES_PER_FRAME).mean(axis=1))
    loud = float(np.percentile(level_T[level_T > 0], 95)) if level_T.any() else 1.0
    heard = hear(sound_S * np.float32(10 ** (LOUDEST_DB / 20) / loud))
    found: dict[Cue, list[int]] = {cue: [] for cue in Cue}
    answer = round(ANSWER_S[1] * FRAME_RATE_HZ)  # who takes the turn within it answers otherwise
    for one in opportunities(heard, None):
        window_T = listening_T[one.frame : one.frame + answer]
        if len(window_T) == answer and window_T.all():
            found[one.cue].append(one.frame)
    return found


def _sum(values: Sequence[float]) -> Array:
    return np.array(values, np.float64)


def _events(listeners: Sequence[Listener]) -> dict[str, Statistic]:
    minutes_C = _sum([one.minutes for one in listeners])
    nods_C = _sum([len(one.nods) for one in listeners])
    rates = {
        "nods_a_minute": nods_C,
        "blinks_a_minute": _counted(listeners, [blinks(one.face.eyes_T) for one in listeners]),
        "smiles_a_minute": _counted(listeners, [smiles(one.face.smile_T) for one in listeners]),
    }
    forms = {
        "nod_depth_deg": [[nod.depth_deg for nod in one.nods] for one in listeners],
        "nod_length_s": [[nod.length_s for nod in one.nods] for one in listeners],
        "nod_cycles": [[float(nod.cycles) for nod in one.nods] for one in listeners],
    }
    return {
        **{name: Ratio(count_C, minutes_C) for name, count_C in rates.items()},
        **{name: Ratio(_sum([sum(one) for one in of]), nods_C) for name, of in forms.items()},
    }


def _counted(listeners: Sequence[Listener], events: Sequence[Flags]) -> Array:
    pairs = zip(listeners, events, strict=True)
    return _sum([int((began_T & one.listening_T).sum()) for one, began_T in pairs])


def _motion(listeners: Sequence[Listener]) -> dict[str, Statistic]:
    """Speed of the head and its frequencies; how far head, gaze and smile go in three seconds."""
    frames_C = _sum([int(one.listening_T.sum()) for one in listeners])
    squares_C = _sum(
        [float(np.square(_speed(one.face)[one.listening_T]).sum()) for one in listeners]
    )
    frequency_F, _ = _speed_spectrum(listeners)
    power_CF = np.stack([spectrum(_windows(one, _speed(one.face)))[1] for one in listeners])
    total_C = power_CF[:, (frequency_F >= BANDS_HZ[0][0]) & (frequency_F < BANDS_HZ[-1][1])].sum(1)
    shares: dict[str, Statistic] = {}
    for low_hz, high_hz in BANDS_HZ:
        inside_F = (frequency_F >= low_hz) & (frequency_F < high_hz)
        shares[f"head_{low_hz}_{high_hz}_hz"] = Ratio(power_CF[:, inside_F].sum(1), total_C)
    courses: dict[str, Callable[[FaceReadings], Array]] = {
        "head_spread_deg": _angles,
        "gaze_spread": lambda face: face.gaze_T[:, None].astype(np.float64),
        "smile_spread": lambda face: face.smile_T[:, None].astype(np.float64),
    }
    spreads: dict[str, Statistic] = {}
    for name, course in courses.items():
        parts = [_windows(one, course(one.face)) for one in listeners]
        spread_C = _sum([float(part.var(axis=-1).sum()) for part in parts])
        spreads[name] = Root(Ratio(spread_C, _sum([len(part) for part in parts])))
    return {"head_speed_deg_s": Root(Ratio(squares_C, frames_C)), **shares, **spreads}


def _speed(face: FaceReadings) -> Array:
    """Speed (T, X) of pitch and yaw in degrees a second."""
    speed_TX: Array = np.gradient(_angles(face), axis=0) * FRAME_RATE_HZ
    return speed_TX


def _angles(face: FaceReadings) -> Array:
    """Pitch and yaw (T, X) in degrees."""
    return np.stack([face.pitch_T, face.yaw_T], axis=1).astype(np.float64)


def _windows(one: Listener, course_TX: Array) -> Array:
    return windows_of(course_TX, one.listening_T)


def _speed_spectrum(listeners: Sequence[Listener]) -> tuple[Array, Array]:
    """Share of the squared speed of all heads by frequency."""
    windows_NXW = np.concatenate([_windows(one, _speed(one.face)) for one in listeners])
    frequency_F, power_F = spectrum(windows_NXW)
    total = power_F.sum() * (frequency_F[1] - frequency_F[0])
    return frequency_F, power_F / total if total > 0 else power_F


def _answers(listeners: Sequence[Listener]) -> dict[str, Statistic]:
    """How much oftener nods begin after a cue than they do at all, and how long after it."""
    found: dict[str, Statistic] = {}
    usual = Ratio(
        _sum([len(one.nods) for one in listeners]), _sum([one.minutes for one in listeners])
    )
    for cue in (Cue.PAUSE, Cue.LOW_PITCH):
        waits = [_waits(one, cue) for one in listeners]
        answered_C = _sum([len(wait) for wait in waits])
        watched_min = (ANSWER_S[1] - ANSWER_S[0]) / 60
        watched_C = _sum([len(one.cues[cue]) * watched_min for one in listeners])
        after = Ratio(answered_C, watched_C)
        found[f"{cue.value}_lift"] = _Quotient(after, usual)
        found[f"{cue.value}_delay_s"] = Ratio(_sum([sum(wait) for wait in waits]), answered_C)
    return found


@dataclass(frozen=True, slots=True)
class _Quotient:
    over: Statistic
    under: Statistic

    def __call__(self, weights_C: Array) -> float:
        under = self.under(weights_C)
        return self.over(weights_C) / under if under > 0 else float("nan")


def _waits(one: Listener, cue: Cue) -> list[float]:
    """Seconds from a cue to each nod that begins within reach of it."""
    after_s = [(nod.onset - frame) / FRAME_RATE_HZ for frame in one.cues[cue] for nod in one.nods]
    return [wait_s for wait_s in after_s if ANSWER_S[0] <= wait_s < ANSWER_S[1]]


def _around(listeners: Sequence[Listener], cue: Cue) -> tuple[Array, Array]:
    """Nods that begin a minute, by their time after a cue."""
    edges = np.arange(
        round(AROUND_S[0] * FRAME_RATE_HZ), round(AROUND_S[1] * FRAME_RATE_HZ) + 1, BIN_FRAMES
    )
    after = [nod.onset - at for one in listeners for at in one.cues[cue] for nod in one.nods]
    cues = sum(len(one.cues[cue]) for one in listeners)
    counts, _ = np.histogram(after, edges)
    minutes = max(cues, 1) * BIN_FRAMES / FRAME_RATE_HZ / 60
    return (edges[:-1] + BIN_FRAMES / 2) / FRAME_RATE_HZ, counts / minutes


def _heads(listeners: Sequence[Listener]) -> tuple[Correlations, Correlations]:
    """Slow motion of both heads, and of a head with another's partner."""

    def slow(face: FaceReadings) -> Array:
        return slow_part(_angles(face), *SLOW_HZ)

    return _with_partners(listeners, slow)


def _smiling(listeners: Sequence[Listener]) -> tuple[Correlations, Correlations]:
    def smile(face: FaceReadings) -> Array:
        course_T1: Array = face.smile_T[:, None] - np.mean(face.smile_T, dtype=np.float64)
        return course_T1

    return _with_partners(listeners, smile)


def _with_partners(
    listeners: Sequence[Listener], course: Callable[[FaceReadings], Array]
) -> tuple[Correlations, Correlations]:
    """Courses of listeners with those of their partners, and with those of the next one's."""
    usable = [one for one in listeners if len(one.listening_T) >= SHORTEST_FRAMES and one.partner]
    partners = [course(one.partner) for one in usable if one.partner]
    own: dict[str, tuple[Array, Array, Flags]] = {}
    others: dict[str, tuple[Array, Array, Flags]] = {}
    for place, one in enumerate(usable):
        mine_TX, name = course(one.face), f"{one.clip} {one.person}"
        own[name] = (mine_TX, partners[place], one.listening_T)
        others[name] = (mine_TX, partners[place - 1], one.listening_T)
    nothing = (np.zeros((0, 1)), np.zeros((0, 1)), np.zeros(0, np.bool_))
    names = [f"{one.clip} {one.person}" for one in listeners]
    found, mismatched = (
        correlations(
            [courses.get(name, nothing) for name in names],
            earliest_s=LAGS_S[0],
            latest_s=LAGS_S[1],
        )
        for courses in (own, others)
    )
    return found, mismatched
