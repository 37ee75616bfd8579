"""The state of a stream: a value that is passed in and returned, copied for free, and saved.

Shape letters: R recordings, O overlap frames, D motion, A audio features.
"""

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from afgen.errors import WeightsMismatchError
from afgen.generator.config import GeneratorConfig
from afgen.generator.dual_motion_encoder import ConditionTensors
from afgen.generator.model import Memory, MotionGenerator
from afgen.nn.cache import RollingCache


@dataclass(frozen=True, slots=True)
class StreamState:
    """Where each of R recordings stands. Its tensors are never written to.

    seed_R             what the noise of each recording is drawn from
    frame_R            the next frame to generate
    reference_RD       motion of the portrait itself
    last_R2D           the two frames before the next, zeros at the start
    slow_RD            running mean of the motion, which an anchor holds on to
    memory             what the model remembers, one row per recording and guidance row
    overlap_ROD        the last clean frames, fed again with the next block; often none
    overlap_conditions their conditions
    """

    seed_R: Tensor
    frame_R: Tensor
    reference_RD: Tensor
    last_R2D: Tensor
    slow_RD: Tensor
    memory: Memory
    overlap_ROD: Tensor
    overlap_conditions: ConditionTensors

    @property
    def rows(self) -> int:
        """R."""
        return len(self.seed_R)

    @property
    def guidance_rows(self) -> int:
        """Rows of memory that each recording has."""
        return len(self.memory.motion.filled_R) // self.rows

    def reset(self, rows: Tensor, seeds: Tensor, reference_RD: Tensor) -> "StreamState":
        """The same state with other recordings started in these rows (integer indices).

        Raises ValueError for a model that feeds clean frames again: its rows go on together.
        """
        if self.overlap_ROD.shape[1]:
            raise ValueError("recordings of this model must start together")
        guidance = torch.arange(self.guidance_rows, device=rows.device)
        memory_rows = (rows[:, None] * self.guidance_rows + guidance).flatten()
        return replace(
            self,
            seed_R=self.seed_R.index_copy(0, rows, seeds),
            frame_R=self.frame_R.index_fill(0, rows, 0),
            reference_RD=self.reference_RD.index_copy(0, rows, reference_RD),
            slow_RD=self.slow_RD.index_copy(0, rows, reference_RD),
            memory=self.memory.reset(memory_rows),
        )

    def to_bytes(self) -> bytes:
        """The state as a safetensors file."""
        return safetensors.torch.save(dict(_leaves(self)))

    @classmethod
    def from_bytes(cls, data: bytes) -> "StreamState":
        """The inverse of `to_bytes`. Raises WeightsMismatchError on anything else."""
        try:
            tensors = safetensors.torch.load(data)
            state: StreamState = _rebuilt(cls, "", tensors)
        except (SafetensorError, KeyError) as error:
            raise WeightsMismatchError(
                f"this is not the state of a stream: {error}",
                hint="Start again without resuming.",
            ) from error
        return state


def begin(
    model: MotionGenerator, reference_RD: Tensor, seeds: list[int], guidance_rows: int
) -> StreamState:
    """The state before the first frame of R recordings."""
    config, rows, device = model.config, len(seeds), reference_RD.device
    return StreamState(
        seed_R=torch.tensor(seeds, dtype=torch.int64),
        frame_R=torch.zeros(rows, dtype=torch.int64),
        reference_RD=reference_RD,
        last_R2D=reference_RD.new_zeros(rows, 2, config.motion_dim),
        slow_RD=reference_RD,
        memory=model.empty_memory(rows * guidance_rows, device),
        overlap_ROD=torch.zeros(rows, 0, config.motion_dim, device=device),
        overlap_conditions=_no_conditions(config, rows, device),
    )


def _no_conditions(config: GeneratorConfig, rows: int, device: torch.device) -> ConditionTensors:
    audio = torch.zeros(rows, 0, config.audio_dim, device=device)
    motion = torch.zeros(rows, 0, config.motion_dim, device=device)
    return ConditionTensors(audio, audio, motion, torch.zeros(rows, 3, device=device))


_PARTS: dict[str, Any] = {
    "memory": Memory,
    "memory.motion": RollingCache,
    "memory.cross": RollingCache,
    "memory.dual": RollingCache,
    "overlap_conditions": ConditionTensors,
}


def _leaves(value: Any, prefix: str = "") -> list[tuple[str, Tensor]]:
    found: list[tuple[str, Tensor]] = []
    for field in fields(value):
        part, name = getattr(value, field.name), prefix + field.name
        if is_dataclass(part):
            found += _leaves(part, name + ".")
        else:
            found.append((name, part.detach().clone().contiguous()))
    return found


def _rebuilt(cls: Any, prefix: str, tensors: dict[str, Tensor]) -> Any:
    values = {}
    for field in fields(cls):
        name = prefix + field.name
        part = _PARTS.get(name)
        values[field.name] = _rebuilt(part, name + ".", tensors) if part else tensors[name]
    return cls(**values)
