"""The cached layer against the whole one: the rule every causal layer has to keep."""

import torch

from afgen.generator.config import BLOCK_CAUSAL
from afgen.nn.attention import CrossAttention, SelfAttention
from afgen.nn.cache import KeyValues, RollingCache
from afgen.nn.rope import rotary, rotate

FRAMES, BLOCK, PAST = 70, 10, 40


def logits(seen: torch.Tensor) -> torch.Tensor:
    return torch.zeros(seen.shape).masked_fill(~seen, -torch.inf)


def whole(layer: SelfAttention, x_BTC: torch.Tensor) -> torch.Tensor:
    position = torch.arange(x_BTC.shape[1])
    mask = logits(BLOCK_CAUSAL.table(position, position, BLOCK))
    return layer(x_BTC, rotary(position, 8), mask)[0]


def test_chunked_equals_whole() -> None:
    torch.manual_seed(0)
    layer, x_BTC = SelfAttention(32, 4), torch.randn(2, FRAMES, 32)
    cache = RollingCache.empty(layers=1, rows=2, heads=4, frames=PAST, head_dim=8)
    chunks = []
    position = torch.arange(-PAST, BLOCK)
    for start in range(0, FRAMES, BLOCK):
        seen = torch.cat((cache.valid()[0], torch.ones(BLOCK, dtype=torch.bool)))
        past = cache.layer(0)
        past = KeyValues(rotate(past.keys, rotary(position[:PAST], 8)), past.values)
        mask = logits(seen.expand(BLOCK, -1))
        out, fresh = layer(x_BTC[:, start : start + BLOCK], rotary(position[PAST:], 8), mask, past)
        cache = cache.append([fresh])
        chunks.append(out)
    error_T = (torch.cat(chunks, dim=1) - whole(layer, x_BTC)).abs().amax(dim=(0, 2))
    assert error_T.max() < 1e-5, f"first differing frame {int((error_T >= 1e-5).nonzero()[0])}"


def test_the_future_beyond_the_block_changes_nothing() -> None:
    torch.manual_seed(1)
    layer, x_BTC = SelfAttention(32, 4), torch.randn(2, FRAMES, 32)
    other = x_BTC.clone()
    other[:, 30:] = torch.randn(2, FRAMES - 30, 32)
    changed_T = (whole(layer, x_BTC) != whole(layer, other)).any(dim=2).any(dim=0)
    assert int(changed_T.nonzero()[0]) == 30


def test_cross_attention_sees_what_its_mask_lets_it() -> None:
    torch.manual_seed(2)
    layer, x_BTC, context_BKC = CrossAttention(32, 4), torch.randn(1, 5, 32), torch.randn(1, 9, 32)
    seen = torch.zeros(5, 9, dtype=torch.bool)
    seen[:, 3] = True
    out_BTC = layer(x_BTC, layer.look_up(context_BKC), logits(seen))
    value = layer.proj(layer.kv(context_BKC[:, 3])[:, 32:])
    torch.testing.assert_close(out_BTC, value[:, None].expand(1, 5, 32))
