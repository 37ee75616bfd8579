"""The motion generator: dual motion encoder and DFoT, for whole windows and for streams.

Shape letters: B rows, T frames fed, D motion, C width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from afgen.generator.config import GeneratorConfig
from afgen.generator.dfot import DFoT, Surroundings
from afgen.generator.dual_motion_encoder import ConditionTensors, DualMotionEncoder
from afgen.generator.window import Window, window_of
from afgen.nn.cache import KeyValues, RollingCache
from afgen.nn.masks import Visibility


@dataclass(frozen=True, slots=True)
class Memory:
    """All that the generator remembers of earlier frames, one row per recording and guidance row.

    motion  self-attention of every DFoT layer over clean motion
    cross   cross-attention of every DFoT layer over conditions
    dual    the two attentions of the dual motion encoder
    """

    motion: RollingCache
    cross: RollingCache
    dual: RollingCache

    def reset(self, rows: Tensor) -> "Memory":
        """These rows as if they had seen nothing."""
        return Memory(self.motion.reset(rows), self.cross.reset(rows), self.dual.reset(rows))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A block ready to be denoised, and what its conditions add to the memory."""

    around: Surroundings
    cross_fresh: tuple[KeyValues, ...]
    dual_fresh: tuple[KeyValues, ...]


class MotionGenerator(nn.Module):
    """Holds weights only; what it remembers is a `Memory` that comes and goes."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.dual = DualMotionEncoder(config)
        self.dfot = DFoT(config)

    def forward(
        self,
        noisy_BTD: Tensor,
        time_BT: Tensor,
        reference_BD: Tensor,
        conditions: ConditionTensors,
    ) -> Tensor:
        """Velocity (B, T, D) of whole windows that start a stream: training, and checks."""
        around = self.prepare(conditions).around
        velocity_BTD, _ = self.dfot(noisy_BTD, self.dfot.told(time_BT), reference_BD, around)
        return velocity_BTD  # type: ignore[no-any-return]

    def prepare(
        self, conditions: ConditionTensors, memory: Memory | None = None, *, phase: int = 0
    ) -> Prepared:
        """Everything about T frames that does not depend on their noise.

        The first frame fed is frame `phase` of its block. Without a memory there is no past.
        """
        config, frames = self.config, conditions.frames
        condition_dim = config.condition_width // config.condition_heads
        motion_dim = config.width // config.heads
        motion, cross, dual = (
            (None, None, None) if memory is None else (memory.motion, memory.cross, memory.dual)
        )
        device = conditions.avatar_audio_BTA.device

        def window(sees: Visibility, head_dim: int | None, cache: RollingCache | None) -> Window:
            return window_of(
                sees,
                fed_frames=frames,
                block_frames=config.block_frames,
                phase=phase,
                head_dim=head_dim,
                theta=config.rope_theta,
                cache=cache,
                device=device,
            )

        rope = config.condition_rope
        dual_window = window(config.dual_sees, condition_dim if rope else None, dual)
        condition_BTC, dual_fresh = self.dual(conditions, dual_window, dual)
        cross_fresh = self.dfot.look_up(condition_BTC)
        around = self.dfot.surroundings(
            cross_fresh,
            motion=window(config.self_sees, motion_dim, motion),
            cross=window(config.cross_sees, motion_dim if rope else None, cross),
            motion_cache=motion,
            cross_cache=cross,
        )
        return Prepared(around=around, cross_fresh=cross_fresh, dual_fresh=dual_fresh)

    def empty_memory(self, rows: int, device: torch.device | None = None) -> Memory:
        """The memory of a stream that has not begun."""
        config = self.config
        motion_dim = config.width // config.heads

        def cache(layers: int, heads: int, head_dim: int, sees: Visibility) -> RollingCache:
            return RollingCache.empty(
                layers=layers,
                rows=rows,
                heads=heads,
                frames=sees.memory_frames(config.overlap_frames),
                head_dim=head_dim,
                device=device,
            )

        condition_dim = config.condition_width // config.condition_heads
        return Memory(
            motion=cache(config.depth, config.heads, motion_dim, config.self_sees),
            cross=cache(config.depth, config.heads, motion_dim, config.cross_sees),
            dual=cache(2, config.condition_heads, condition_dim, config.dual_sees),
        )
