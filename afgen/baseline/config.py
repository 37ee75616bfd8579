"""The baseline's dimensions, as frozen data."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from afgen.generator.config import EVERYTHING, NEARBY, GeneratorConfig
from afgen.nn.masks import Visibility

WINDOW_FRAMES = 75  # made at once, paper appendix D.3: 3 s
CONTEXT_FRAMES = 10  # of the window before, seen with them
MEMORY_SLOTS = 64  # of each of the two banks


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineConfig:
    """Everything that decides the shape and the meaning of the weights.

    The defaults are the size of the `portrait` generator. `self_sees` and `cross_sees` are the
    masks of the motion frames among themselves and on the conditions, over context and window as
    one sequence.
    """

    motion_dim: int = 38  # D
    audio_dim: int = 256  # A
    guider_width: int = 256
    guider_heads: int = 4
    memory_slots: int = MEMORY_SLOTS
    width: int = 256
    depth: int = 8
    heads: int = 8
    mlp_ratio: int = 4
    time_frequencies: int = 256
    rope_theta: float = 1e4
    window_frames: int = WINDOW_FRAMES
    context_frames: int = CONTEXT_FRAMES
    self_sees: Visibility = EVERYTHING
    cross_sees: Visibility = NEARBY

    def __post_init__(self) -> None:
        if self.context_frames < 2:
            raise ValueError("a window continues two frames at least: where they are and head for")
        if self.guider_width % self.guider_heads:
            raise ValueError(f"{self.guider_width} channels do not split into {self.guider_heads}")
        _ = self.transformer  # checks its own sizes

    @property
    def fed_frames(self) -> int:
        """Context and window."""
        return self.context_frames + self.window_frames

    @property
    def transformer(self) -> GeneratorConfig:
        """The sizes of the layers that the baseline shares with the generator."""
        return GeneratorConfig(
            motion_dim=self.motion_dim,
            audio_dim=self.audio_dim,
            condition_width=self.guider_width,
            condition_heads=self.guider_heads,
            width=self.width,
            depth=self.depth,
            heads=self.heads,
            mlp_ratio=self.mlp_ratio,
            time_frequencies=self.time_frequencies,
            rope_theta=self.rope_theta,
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for a checkpoint's header; `checkpoint.config_from` is the inverse."""
        return dataclasses.asdict(self)


def beside(generator: GeneratorConfig) -> BaselineConfig:
    """The baseline to set beside a generator: its motion, its features, its sizes."""
    return BaselineConfig(
        motion_dim=generator.motion_dim,
        audio_dim=generator.audio_dim,
        guider_width=generator.condition_width,
        guider_heads=generator.condition_heads,
        width=generator.width,
        depth=generator.depth,
        heads=generator.heads,
        mlp_ratio=generator.mlp_ratio,
        time_frequencies=generator.time_frequencies,
        rope_theta=generator.rope_theta,
    )
