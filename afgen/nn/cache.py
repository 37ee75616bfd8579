"""Keys and values of attention, and a rolling window of them as a value.

Shape letters: L layers, R rows, H heads, W frames of the window, T frames, d channels of a head.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor


class KeyValues(NamedTuple):
    """What attention looks things up in: keys and values, each (R, T, H, d)."""

    keys: Tensor
    values: Tensor

    def frames(self, start: int, stop: int | None = None) -> "KeyValues":
        """The frames start..stop of both."""
        return KeyValues(self.keys[:, start:stop], self.values[:, start:stop])

    def after(self, past: "KeyValues") -> "KeyValues":
        """`past` followed by these."""
        return KeyValues(
            torch.cat((past.keys, self.keys), dim=1), torch.cat((past.values, self.values), dim=1)
        )


@dataclass(frozen=True, slots=True)
class RollingCache:
    """The last W frames of keys and values of every layer, newest last; constant in size.

    Rows are independent: `filled_R` says how many of the newest frames of a row are real.
    Keys are kept unrotated, so that positions may be counted anew for each block.
    """

    keys_LRWHd: Tensor
    values_LRWHd: Tensor
    filled_R: Tensor

    @classmethod
    def empty(
        cls,
        *,
        layers: int,
        rows: int,
        heads: int,
        frames: int,
        head_dim: int,
        device: torch.device | None = None,
    ) -> "RollingCache":
        """A cache that has seen nothing."""
        zeros = torch.zeros(layers, rows, frames, heads, head_dim, device=device)
        return cls(zeros, zeros, torch.zeros(rows, dtype=torch.int64, device=device))

    @property
    def frames(self) -> int:
        """W."""
        return self.keys_LRWHd.shape[2]

    def layer(self, index: int) -> KeyValues:
        """One layer's window."""
        return KeyValues(self.keys_LRWHd[index], self.values_LRWHd[index])

    def valid(self) -> Tensor:
        """True where a slot of the window holds a real frame, (R, W)."""
        slot_W = torch.arange(self.frames, device=self.filled_R.device)
        return slot_W >= self.frames - self.filled_R[:, None]

    def append(self, fresh: Sequence[KeyValues]) -> "RollingCache":
        """The window moved on by the frames of `fresh`, one entry per layer."""
        if not self.frames:
            return self
        moved = fresh[0].keys.shape[1]
        return RollingCache(
            _roll(self.keys_LRWHd, torch.stack([entry.keys for entry in fresh])),
            _roll(self.values_LRWHd, torch.stack([entry.values for entry in fresh])),
            (self.filled_R + moved).clamp(max=self.frames),
        )

    def reset(self, rows: Tensor) -> "RollingCache":
        """The same cache with these rows (integer indices) as if they had seen nothing."""
        return replace(
            self,
            keys_LRWHd=self.keys_LRWHd.index_fill(1, rows, 0.0),
            values_LRWHd=self.values_LRWHd.index_fill(1, rows, 0.0),
            filled_R=self.filled_R.index_fill(0, rows, 0),
        )


def _roll(window_LRWHd: Tensor, fresh_LRTHd: Tensor) -> Tensor:
    frames = window_LRWHd.shape[2]
    return torch.cat((window_LRWHd, fresh_LRTHd), dim=2)[:, :, -frames:].contiguous()
