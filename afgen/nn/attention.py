"""Attention over frames, with whatever it has to remember handed in and out.

Shape letters: B rows, T query frames, K key frames, C channels, H heads, d channels of a head.
Masks are added to the logits (0 where a query sees a key, else minus infinity) and broadcast to
(B, H, T, K).
"""

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the name everybody reads)

from afgen.nn.cache import KeyValues
from afgen.nn.rope import rotate


def _heads(x_BTC: Tensor, parts: int, heads: int) -> Tensor:
    """(parts, B, T, H, d) of fused projections."""
    rows, frames, _ = x_BTC.shape
    return x_BTC.view(rows, frames, parts, heads, -1).permute(2, 0, 1, 3, 4)


def _attend(query_BTHd: Tensor, seen: KeyValues, mask: Tensor) -> Tensor:
    out_BHTd = F.scaled_dot_product_attention(
        query_BTHd.transpose(1, 2),
        seen.keys.transpose(1, 2),
        seen.values.transpose(1, 2),
        attn_mask=mask,
    )
    return out_BHTd.transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """Multi-head self-attention with rotary positions and an optional past."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(
        self, x_BTC: Tensor, turns: Tensor, mask: Tensor, past: KeyValues | None = None
    ) -> tuple[Tensor, KeyValues]:
        """Mixed frames (B, T, C), and this call's own keys (unrotated) and values to remember.

        `past` precedes the frames of `x_BTC`, its keys rotated already; `turns` are the rotations
        of the frames of `x_BTC`.
        """
        qkv = _heads(self.qkv(x_BTC), 3, self.heads)
        query, key = rotate(qkv[:2], turns)
        seen = KeyValues(key, qkv[2])
        if past is not None:
            seen = seen.after(past)
        return self.proj(_attend(query, seen, mask)), KeyValues(qkv[1], qkv[2])


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
        return KeyValues(*_heads(self.kv(context_BKC), 2, self.heads))

    def forward(
        self, x_BTC: Tensor, seen: KeyValues, mask: Tensor, turns: Tensor | None = None
    ) -> Tensor:
        """(B, T, C) gathered from `seen`; with `turns`, its keys must be rotated already."""
        query = _heads(self.q(x_BTC), 1, self.heads)[0]
        if turns is not None:
            query = rotate(query, turns)
        return self.proj(_attend(query, seen, mask))  # type: ignore[no-any-return]
