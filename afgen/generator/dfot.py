"""The causal motion generator: a transformer in which each frame has its own flow time.

Diffusion forcing transformer of paper section 4.1. A block is gated, modulated self-attention over
motion frames, plain cross-attention to the conditions, and a gated, modulated MLP; one modulation
is shared by all blocks and applied per frame.

Shape letters: B rows, T frames fed, D motion, C width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the name everybody reads)

from afgen.generator.config import GeneratorConfig
from afgen.generator.window import Window
from afgen.nn.adaln import Modulation, TimeEmbedding, modulate
from afgen.nn.attention import CrossAttention, SelfAttention
from afgen.nn.cache import KeyValues, RollingCache
from afgen.nn.mlp import MLP


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All that stays the same while a block is denoised, one entry per layer.

    past        rotated keys and values of remembered motion frames; None without a past
    conditions  keys and values of the conditions, remembered ones first, as `cross` has them
    """

    motion: Window
    cross: Window
    past: tuple[KeyValues | None, ...]
    conditions: tuple[KeyValues, ...]


class Block(nn.Module):
    """One layer of the transformer."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.attn = SelfAttention(config.width, config.heads)
        self.cross_attn = CrossAttention(config.width, config.heads)
        self.mlp = MLP(config.width, config.mlp_ratio * config.width)

    def forward(
        self, x_BTC: Tensor, modulation: tuple[Tensor, ...], around: Surroundings, layer: int
    ) -> tuple[Tensor, KeyValues]:
        """The frames after this layer, and its own keys and values to remember."""
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = modulation
        motion, cross = around.motion, around.cross
        mixed, fresh = self.attn(
            modulate(x_BTC, shift, scale), motion.turns, motion.mask, around.past[layer]
        )
        x_BTC = torch.addcmul(x_BTC, gate, mixed)
        plain = F.layer_norm(x_BTC, x_BTC.shape[-1:], eps=1e-6)
        x_BTC = x_BTC + self.cross_attn(plain, around.conditions[layer], cross.mask, cross.turns)
        lifted = self.mlp(modulate(x_BTC, mlp_shift, mlp_scale))
        return torch.addcmul(x_BTC, mlp_gate, lifted), fresh


class DFoT(nn.Module):
    """Noisy motion, reference motion and conditions to the velocity of the flow."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.embed = nn.Linear(2 * config.motion_dim, config.width)
        self.time = TimeEmbedding(config.width, config.time_frequencies)
        self.modulation = Modulation(config.width, parts=6)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.final_modulation = Modulation(config.width, parts=2)
        self.final = nn.Linear(config.width, config.motion_dim)
        nn.init.zeros_(self.final.weight)
        nn.init.zeros_(self.final.bias)

    def look_up(self, condition_BTC: Tensor) -> tuple[KeyValues, ...]:
        """Unrotated keys and values of the conditions for every layer."""
        return tuple(block.cross_attn.look_up(condition_BTC) for block in self._blocks())

    def surroundings(
        self,
        fresh: tuple[KeyValues, ...],
        *,
        motion: Window,
        cross: Window,
        motion_cache: RollingCache | None = None,
        cross_cache: RollingCache | None = None,
    ) -> Surroundings:
        """What a block is denoised in; `fresh` comes from `look_up`. No caches: offline."""
        past: tuple[KeyValues | None, ...] = (None,) * len(fresh)
        if motion_cache is not None:
            past = tuple(motion.rotated_past(motion_cache.layer(i)) for i in range(len(fresh)))
        if cross_cache is not None:
            fresh = tuple(kv.after(cross_cache.layer(i)) for i, kv in enumerate(fresh))
        return Surroundings(motion, cross, past, tuple(cross.rotated(kv) for kv in fresh))

    def told(self, time: Tensor) -> Tensor:
        """All that a flow time does to the layers: (...,), 1 at noise and 0 at rest, to (..., 8 C).

        The same for every frame of that time, so a sampler asks once for all its times.
        """
        embedded = self.time(time)
        return torch.cat((self.modulation(embedded), self.final_modulation(embedded)), dim=-1)

    def forward(
        self, noisy_BTD: Tensor, told_BTX: Tensor, reference_BD: Tensor, around: Surroundings
    ) -> tuple[Tensor, tuple[KeyValues, ...]]:
        """Velocity n - m (B, T, D), and each layer's keys and values of these frames.

        `told_BTX` is `told` of the frames' times; (T, X) serves all rows, (1, X) all frames too.
        """
        reference_BTD = reference_BD[:, None].expand_as(noisy_BTD)
        x_BTC = self.embed(torch.cat((noisy_BTD, reference_BTD), dim=-1))
        *modulation, shift, scale = told_BTX.chunk(self.modulation.parts + 2, dim=-1)
        remembered = []
        for layer, block in enumerate(self._blocks()):
            x_BTC, fresh = block(x_BTC, tuple(modulation), around, layer)
            remembered.append(fresh)
        return self.final(modulate(x_BTC, shift, scale)), tuple(remembered)

    def _blocks(self) -> list[Block]:
        return [block for block in self.blocks if isinstance(block, Block)]
