"""The frames one attention works on: those fed now, those remembered, and who sees whom.

Positions are counted from the start of the block the first fed frame lies in, so they stay small
however long a stream runs; remembered frames have the positions before it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from afgen.nn.cache import KeyValues, RollingCache
from afgen.nn.masks import Visibility
from afgen.nn.rope import rotary, rotate


@dataclass(frozen=True, slots=True)
class Window:
    """Mask and rotations of one attention for one call.

    mask   (T, past + T) or (B, 1, T, past + T): 0 where seen, else minus infinity
    turns  rotations of the T fed frames; None: no rotary positions here
    past_turns  rotations of the remembered frames
    """

    mask: Tensor
    turns: Tensor | None
    past_turns: Tensor | None

    def rotated(self, seen: KeyValues) -> KeyValues:
        """Keys of remembered and fed frames, turned to their positions."""
        if self.turns is None or self.past_turns is None:
            return seen
        turns = torch.cat((self.past_turns, self.turns))
        return KeyValues(rotate(seen.keys, turns), seen.values)

    def rotated_past(self, past: KeyValues) -> KeyValues:
        """Keys of remembered frames only, turned to their positions."""
        if self.past_turns is None:
            return past
        return KeyValues(rotate(past.keys, self.past_turns), past.values)


def window_of(
    sees: Visibility,
    *,
    fed_frames: int,
    block_frames: int,
    phase: int,
    head_dim: int | None,
    theta: float,
    cache: RollingCache | None,
    device: torch.device,
) -> Window:
    """The window of `fed_frames` frames whose first one is frame `phase` of its block.

    `head_dim` None leaves out rotary positions. Without a cache there is no past.
    """
    past_frames = 0 if cache is None else cache.frames
    position = torch.arange(phase - past_frames, phase + fed_frames, device=device)
    fed = position[past_frames:]
    seen = sees.table(fed, position, block_frames)
    if cache is not None and past_frames:
        real = torch.nn.functional.pad(cache.valid(), (0, fed_frames), value=True)
        seen = seen & real[:, None, None, :]
    turns = past_turns = None
    if head_dim is not None:
        turns = rotary(fed, head_dim, theta)
        past_turns = rotary(position[:past_frames], head_dim, theta)
    return Window(mask=_logits(seen), turns=turns, past_turns=past_turns)


def _logits(seen: Tensor) -> Tensor:
    return torch.zeros(seen.shape, device=seen.device).masked_fill(~seen, -torch.inf)
