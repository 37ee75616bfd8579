"""What is compared: anything that turns what was heard and seen into motion.

Ground truth is no system: it is what the systems are measured against, and a row of its own.
Shape letters: R recordings, T frames, D motion.
"""

import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, Generic, Protocol, TypeVar

import numpy as np
import torch

from afgen.baseline.sampler import WindowSampler
from afgen.baseline.state import WindowState
from afgen.clock import seconds_at
from afgen.conditions.features import AudioFeatures
from afgen.evaluate.rollout import Heard, Sampler, roll_out
from afgen.evaluate.speed.roofline import spent_on
from afgen.generator.state import StreamState
from afgen.generator.stream import MotionSampler
from afgen.signals import Conditions, Floats

WARM_UP: Final = 2  # windows that are not timed: the first of a stream, and one of the usual shape

StateT = TypeVar("StateT")


@dataclass(frozen=True, slots=True)
class Sampling:
    """The settings of a render that all systems share. None: what suits the family's preset."""

    nfe: int = 10
    guidance_audio: float | None = None
    guidance_user: float | None = None


@dataclass(frozen=True, slots=True)
class Latency:
    """How long after something is said the answer can begin, as paper section 4.2 counts it.

    Audio features are given; `generation_s` is the median of `repetitions` windows in the middle of
    a stream, of one recording alone.
    """

    window_s: float  # that must be buffered before it can be generated
    generation_s: float
    fastest_s: float
    slowest_s: float
    repetitions: int

    @property
    def total_s(self) -> float:
        """Buffering and generation."""
        return self.window_s + self.generation_s

    @property
    def realtime_factor(self) -> float:
        """Seconds of motion made in a second."""
        return self.window_s / self.generation_s


class System(Protocol):
    """One row of the table."""

    @property
    def name(self) -> str:
        """As the table has it."""
        ...

    @property
    def fingerprint(self) -> str:
        """Everything its motion depends on besides what it is given; names kept motion."""
        ...

    @property
    def motion_dim(self) -> int:
        """D."""
        ...

    @property
    def features(self) -> AudioFeatures:
        """How it hears voices."""
        ...

    def generate(
        self, heard: Sequence[Heard], reference_RD: Floats, seeds: Sequence[int]
    ) -> list[Floats]:
        """Motion (T, D) of each recording, as if each were generated alone."""
        ...

    def latency(self, repetitions: int) -> Latency:
        """Timed on this machine, now."""
        ...


@dataclass(frozen=True, slots=True)
class SampledSystem(Generic[StateT]):
    """A generator and its settings, sampled in steps of `block_frames` after the first."""

    name: str
    fingerprint: str
    sampler: Sampler[StateT]
    features: AudioFeatures
    motion_dim: int
    first_frames: int
    block_frames: int
    device: torch.device
    threads: int  # of torch on a CPU

    def generate(
        self, heard: Sequence[Heard], reference_RD: Floats, seeds: Sequence[int]
    ) -> list[Floats]:
        """See `System`."""
        with torch_threads(self.threads):
            return roll_out(
                self.sampler,
                heard,
                reference_RD,
                seeds,
                first_frames=self.first_frames,
                block_frames=self.block_frames,
            )

    def latency(self, repetitions: int) -> Latency:
        """See `System`; the window is a usual block, whatever the first of a stream is."""
        state = self.sampler.begin(np.zeros((1, self.motion_dim), np.float32), [0])
        draw, spent_s = np.random.default_rng(0), []
        with torch_threads(self.threads):
            for number in range(repetitions + WARM_UP):
                block = self._noise(draw, self.block_frames if number else self.first_frames)
                step = partial(self.sampler.step, [block], state)
                (_, state), spent = spent_on(step, self.device)
                spent_s.append(spent.wall_s)
        timed_s = spent_s[WARM_UP:]
        return Latency(
            window_s=seconds_at(self.block_frames),
            generation_s=statistics.median(timed_s),
            fastest_s=min(timed_s),
            slowest_s=max(timed_s),
            repetitions=repetitions,
        )

    def _noise(self, draw: np.random.Generator, frames: int) -> Conditions:
        dims = (self.features.audio_dim, self.features.audio_dim, self.motion_dim)
        return Conditions(
            0, frames, *(draw.standard_normal((frames, dim), np.float32) for dim in dims)
        )


def streaming_system(
    name: str,
    sampler: MotionSampler,
    features: AudioFeatures,
    weights_sha256: str,
    *,
    threads: int = 1,
) -> SampledSystem[StreamState]:
    """A generator of ours as a render samples it."""
    config = sampler.model.config
    settings = (sampler.nfe, sampler.guidance, sampler.continuity)
    more = (sampler.context_noise, sampler.anchor)
    return SampledSystem(
        name=name,
        fingerprint=f"stream {weights_sha256} {config} {settings} {more}",
        sampler=sampler,
        features=features,
        motion_dim=config.motion_dim,
        first_frames=config.first_frames,
        block_frames=config.block_frames,
        device=next(sampler.model.parameters()).device,
        threads=threads,
    )


def window_system(
    name: str,
    sampler: WindowSampler,
    features: AudioFeatures,
    weights_sha256: str,
    *,
    threads: int = 1,
) -> SampledSystem[WindowState]:
    """The non-causal baseline: a window is made when all of it has been heard."""
    config = sampler.model.config
    settings = (sampler.nfe, sampler.guidance, sampler.continuity, sampler.context_noise)
    return SampledSystem(
        name=name,
        fingerprint=f"window {weights_sha256} {config} {settings}",
        sampler=sampler,
        features=features,
        motion_dim=config.motion_dim,
        first_frames=sampler.frames_at_once,
        block_frames=sampler.frames_at_once,
        device=next(sampler.model.parameters()).device,
        threads=threads,
    )


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """As many of torch's threads as the models want; a small network is fastest on one."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True, slots=True)
class WithoutUser:
    """A system that does not see the user and, unless the user is `heard`, does not hear them."""

    system: System
    name: str
    heard: bool = False

    @property
    def fingerprint(self) -> str:
        """See `System`."""
        left_out = "the user's motion" if self.heard else "the user"
        return f"{self.system.fingerprint} without {left_out}"

    @property
    def motion_dim(self) -> int:
        """See `System`."""
        return self.system.motion_dim

    @property
    def features(self) -> AudioFeatures:
        """See `System`."""
        return self.system.features

    def generate(
        self, heard: Sequence[Heard], reference_RD: Floats, seeds: Sequence[int]
    ) -> list[Floats]:
        """See `System`."""
        blind = [
            Heard(
                one.avatar_audio_TA,
                one.user_audio_TA if self.heard else None,
                length=one.frames,
            )
            for one in heard
        ]
        return self.system.generate(blind, reference_RD, seeds)

    def latency(self, repetitions: int) -> Latency:
        """See `System`."""
        return self.system.latency(repetitions)
