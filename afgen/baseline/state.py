"""The state between windows: a value that is passed in and returned, copied for free, and saved.

Shape letters: R recordings, K context frames, D motion, A audio features.
"""

from dataclasses import dataclass, fields, replace

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from afgen.baseline.config import BaselineConfig
from afgen.errors import WeightsMismatchError


@dataclass(frozen=True, slots=True)
class WindowState:
    """Where each of R recordings stands. Its tensors are never written to.

    seed_R            what the noise of each recording is drawn from
    frame_R           the next frame to generate; 0 where nothing is known of a context
    reference_RD      motion of the portrait itself
    context_RKD       the frames before the next
    avatar_audio_RKA  their sounds, the avatar's
    user_audio_RKA    and the user's
    """

    seed_R: Tensor
    frame_R: Tensor
    reference_RD: Tensor
    context_RKD: Tensor
    avatar_audio_RKA: Tensor
    user_audio_RKA: Tensor

    @property
    def rows(self) -> int:
        """R."""
        return len(self.seed_R)

    def reset(self, rows: Tensor, seeds: Tensor, reference_RD: Tensor) -> "WindowState":
        """The same state with other recordings started in these rows (integer indices)."""
        return replace(
            self,
            seed_R=self.seed_R.index_copy(0, rows, seeds),
            frame_R=self.frame_R.index_fill(0, rows, 0),
            reference_RD=self.reference_RD.index_copy(0, rows, reference_RD),
        )

    def to_bytes(self) -> bytes:
        """The state as a safetensors file."""
        parts = {field.name: getattr(self, field.name) for field in fields(self)}
        return safetensors.torch.save(
            {name: part.detach().clone().contiguous() for name, part in parts.items()}
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "WindowState":
        """The inverse of `to_bytes`. Raises WeightsMismatchError on anything else."""
        try:
            tensors = safetensors.torch.load(data)
            return cls(**{field.name: tensors[field.name] for field in fields(cls)})
        except (SafetensorError, KeyError) as error:
            raise WeightsMismatchError(
                f"this is not the state of a stream: {error}",
                hint="Start again without resuming.",
            ) from error


def begin(config: BaselineConfig, reference_RD: Tensor, seeds: list[int]) -> WindowState:
    """The state before the first frame of R recordings."""
    rows, context = len(seeds), config.context_frames
    silence_RKA = reference_RD.new_zeros(rows, context, config.audio_dim)
    return WindowState(
        seed_R=torch.tensor(seeds, dtype=torch.int64),
        frame_R=torch.zeros(rows, dtype=torch.int64),
        reference_RD=reference_RD,
        context_RKD=reference_RD.new_zeros(rows, context, config.motion_dim),
        avatar_audio_RKA=silence_RKA,
        user_audio_RKA=silence_RKA,
    )
