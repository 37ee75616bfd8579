"""Attention over frames, with whatever it has to remember handed in and out.

Shape letters: B rows, T query frames, K key frames, C channels, H heads, d channels of a head.
Masks are boolean, true where a query may see a key, and broadcast to (B, H, T, K); None sees all.
"""

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the name everybody reads)

from afgen.nn.cache import KeyValues
from afgen.nn.rope import rotate


def _split(x_BTC: Tensor, heads: int) -> Tensor:
    rows, frames, _ = x_BTC.shape
    return x_BTC.view(rows, frames, heads, -1).transpose(1, 2)


def _attend(query_BHTd: Tensor, seen: KeyValues, mask: Tensor | None) -> Tensor:
    out_BHTd = F.scaled_dot_product_attention(query_BHTd, seen.keys, seen.values, attn_mask=mask)
    return out_BHTd.transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """Multi-head self-attention with rotary positions and an optional past."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(
        self, x_BTC: Tensor, turns: Tensor, mask: Tensor | None, past: KeyValues | None = None
    ) -> tuple[Tensor, KeyValues]:
        """Mixed frames (B, T, C), and this call's own keys (unrotated) and values to remember.

        `past` precedes the frames of `x_BTC`, its keys rotated already; `turns` (T, d / 2) are the
        rotations of the frames of `x_BTC`.
        """
        query, key, value = (_split(part, self.heads) for part in self.qkv(x_BTC).chunk(3, dim=-1))
        seen = KeyValues(rotate(key, turns), value)
        if past is not None:
            seen = seen.after(past)
        return self.proj(_attend(rotate(query, turns), seen, mask)), KeyValues(key, value)


class CrossAttention(nn.Module):
    """Multi-head attention of one sequence to another."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)

    def look_up(self, context_BKC: Tensor) -> KeyValues:
        """Keys (unrotated) and values of the sequence that will be attended to."""
        key, value = (_split(part, self.heads) for part in self.kv(context_BKC).chunk(2, dim=-1))
        return KeyValues(key, value)

    def forward(
        self, x_BTC: Tensor, seen: KeyValues, mask: Tensor | None, turns: Tensor | None = None
    ) -> Tensor:
        """(B, T, C) gathered from `seen`; with `turns`, its keys must be rotated already."""
        query = _split(self.q(x_BTC), self.heads)
        if turns is not None:
            query = rotate(query, turns)
        return self.proj(_attend(query, seen, mask))  # type: ignore[no-any-return]
