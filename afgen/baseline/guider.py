"""The motion guider: what two voices call up from two banks of learned motions.

A bank is a table of embeddings that training fills, one bank for the motion of talking and one for
that of listening. A voice asks it, and gets back a mixture of what it holds. Frames do not see each
other here.

Shape letters: B rows, T frames, A audio features, E guider width, C model width, N slots of a bank.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the name everybody reads)

from afgen.baseline.config import BaselineConfig
from afgen.nn.attention import CrossAttention
from afgen.nn.cache import KeyValues


@dataclass(frozen=True, slots=True)
class Voices:
    """Both people's sounds for T frames; the columns of `present_B2` are avatar, user (1 or 0)."""

    avatar_audio_BTA: Tensor
    user_audio_BTA: Tensor
    present_B2: Tensor

    @property
    def frames(self) -> int:
        """T."""
        return self.avatar_audio_BTA.shape[1]

    def for_guidance(self, keeps_G2: Tensor) -> "Voices":
        """Each row G times over, side by side, with what each copy keeps of it."""
        copies = len(keeps_G2)
        return Voices(
            self.avatar_audio_BTA.repeat_interleave(copies, dim=0),
            self.user_audio_BTA.repeat_interleave(copies, dim=0),
            (self.present_B2[:, None] * keeps_G2).flatten(0, 1),
        )


class MemoryBank(nn.Module):
    """Learned embeddings that are looked up by attention."""

    def __init__(self, slots: int, width: int, heads: int) -> None:
        super().__init__()
        self.slots_NE = nn.Parameter(torch.randn(slots, width))
        self.attention = CrossAttention(width, heads)

    def forward(self, query_BTE: Tensor) -> Tensor:
        """For each query, the values of all slots weighed by how well their keys fit; (B, T, E)."""
        keys, values = self.attention.look_up(self.slots_NE[None])
        shape = (len(query_BTE), *keys.shape[1:])
        seen = KeyValues(keys.expand(shape), values.expand(shape))
        mask = query_BTE.new_zeros(1, len(self.slots_NE))
        return self.attention(query_BTE, seen, mask)  # type: ignore[no-any-return]


class MotionGuider(nn.Module):
    """The avatar's voice asks the verbal bank, the user's the non-verbal one."""

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__()
        width, heads, slots = config.guider_width, config.guider_heads, config.memory_slots
        self.audio = nn.Sequential(
            nn.Linear(config.audio_dim, width), nn.LayerNorm(width), nn.SiLU()
        )
        self.verbal = MemoryBank(slots, width, heads)
        self.verbal_norm = nn.LayerNorm(width)
        self.nonverbal = MemoryBank(slots, width, heads)
        self.nonverbal_norm = nn.LayerNorm(width)
        self.out = nn.Linear(2 * width, config.width)

    def forward(self, voices: Voices) -> Tensor:
        """Condition of each frame, (B, T, C). A voice that is absent asks with zeros."""
        avatar_here, user_here = voices.present_B2[:, :, None, None].unbind(1)
        avatar_BTE = self.audio(voices.avatar_audio_BTA) * avatar_here
        user_BTE = self.audio(voices.user_audio_BTA) * user_here
        talking_BTE = F.silu(self.verbal_norm(avatar_BTE + self.verbal(avatar_BTE)))
        listening_BTE = F.silu(self.nonverbal_norm(user_BTE + self.nonverbal(user_BTE)))
        return self.out(torch.cat((talking_BTE, listening_BTE), dim=-1))  # type: ignore[no-any-return]
