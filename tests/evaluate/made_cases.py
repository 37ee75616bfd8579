"""Conversations made up for the evaluation: samples in memory, and systems of known behaviour."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from afgen.autoencoder.mesh.motion import MOTION_DIM, POSE
from afgen.conditions.logmel import LogMelFeatures
from afgen.errors import FileMissingError
from afgen.evaluate.comparison.systems import Latency
from afgen.evaluate.rollout import Heard
from afgen.signals import Floats, to_samples
from tests.data.made import made_voice

ANSWER_FRAMES = 10


@dataclass(frozen=True)
class MadeSample:
    key: str
    metadata: Mapping[str, Any]
    arrays: Mapping[str, Any]


@dataclass
class MadeSamples:
    """A set of samples in memory, with what is asked of a `ShardSet`."""

    samples: dict[str, MadeSample]

    @property
    def keys(self) -> list[str]:
        return list(self.samples)

    def read(self, key: str, fields: Iterable[str] | None = None) -> MadeSample:
        if key not in self.samples:
            raise FileMissingError(key)
        sample = self.samples[key]
        wanted = sample.arrays.keys() if fields is None else fields
        arrays = {name: sample.arrays[name] for name in wanted if name in sample.arrays}
        return MadeSample(key, sample.metadata, arrays)


def moving(rng: np.random.Generator, frames: int) -> Floats:
    """Motion as smooth as that of heads."""
    window = np.hanning(15)
    noise = rng.normal(size=(frames + len(window) - 1, MOTION_DIM))
    rows = [np.convolve(column, window, mode="valid") for column in noise.T]
    return np.stack(rows, axis=1).astype(np.float32)


def answering(user_TD: Floats, own_TD: Floats, strength: float = 0.8) -> Floats:
    """Own motion with the user's head motion, a little later."""
    late_TD = np.roll(user_TD, ANSWER_FRAMES, axis=0)
    late_TD[:ANSWER_FRAMES] = 0
    motion_TD = own_TD.copy()
    motion_TD[:, POSE] += strength * late_TD[:, POSE]
    return motion_TD


def made_dyads(count: int, frames: int = 300, *, sides: str = "both") -> MadeSamples:
    """Conversations whose real avatar answers the user; two clips a person."""
    samples = {}
    for index in range(count):
        rng = np.random.default_rng((11, index))
        user_TD, half = moving(rng, frames), frames // 2
        arrays: dict[str, Any] = {
            "avatar_motion_TD": answering(user_TD, moving(rng, frames)),
            "avatar_audio_S": to_samples(made_voice(frames, [(5, half)], seed=index)),
        }
        if sides == "both":
            arrays["user_motion_TD"] = user_TD
            arrays["user_audio_S"] = to_samples(made_voice(frames, [(half, frames - 5)], index))
        key = f"clip{index}"
        samples[key] = MadeSample(key, {"identity_group": f"person{index // 2}"}, arrays)
    return MadeSamples(samples)


@dataclass
class Made:
    """A system that answers what it sees of the user; counts what it was asked for."""

    name: str
    motion_dim: int = MOTION_DIM
    features: LogMelFeatures = field(default_factory=LogMelFeatures)
    asked: list[int] = field(default_factory=list)

    @property
    def fingerprint(self) -> str:
        return f"made {self.motion_dim}"

    def generate(
        self, heard: Sequence[Heard], reference_RD: Floats, seeds: Sequence[int]
    ) -> list[Floats]:
        self.asked += seeds
        motions = []
        for one, seed in zip(heard, seeds, strict=True):
            own_TD = moving(np.random.default_rng(seed), one.frames)
            seen_TD = one.user_motion_TD
            motions.append(own_TD if seen_TD is None else answering(seen_TD, own_TD))
        return motions

    def latency(self, repetitions: int) -> Latency:
        return Latency(0.4, 0.1, 0.09, 0.2, repetitions)
