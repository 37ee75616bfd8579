"""The generator's dimensions and what each attention sees, as frozen data."""

import dataclasses
from dataclasses import dataclass, replace
from typing import Any, Final

from afgen.clock import BLOCK_FRAMES
from afgen.nn.masks import Visibility

PAST_FRAMES = 40  # with a block of 10: the 50 frames of a training window, paper section 5.2
LOOK_AHEAD_FRAMES = 2  # l of the paper

BLOCK_CAUSAL = Visibility(ahead_blocks=0, past_frames=PAST_FRAMES)
NEARBY_IN_BLOCK = Visibility(
    ahead_blocks=0, ahead_frames=LOOK_AHEAD_FRAMES, behind_frames=LOOK_AHEAD_FRAMES
)
CAUSAL_IN_BLOCK = Visibility(
    ahead_blocks=0, ahead_frames=LOOK_AHEAD_FRAMES, past_frames=PAST_FRAMES
)
FRAME_CAUSAL = Visibility(ahead_frames=LOOK_AHEAD_FRAMES, past_frames=PAST_FRAMES)
NEARBY = Visibility(ahead_frames=LOOK_AHEAD_FRAMES, behind_frames=LOOK_AHEAD_FRAMES)
EVERYTHING = Visibility()


def paper_equation(look_ahead_blocks: int) -> Visibility:
    """The mask as the paper's equation has it, floor(j/B) <= floor(i/B) + l, in its window."""
    return Visibility(ahead_blocks=look_ahead_blocks, past_frames=PAST_FRAMES)


MASKS: Final = {
    "released": FRAME_CAUSAL,  # of the authors' code: frame-causal plus l frames
    "paper-equation": paper_equation(LOOK_AHEAD_FRAMES),  # as written, l counts blocks
    "paper-figure": Visibility(beyond_frames=LOOK_AHEAD_FRAMES, past_frames=PAST_FRAMES),
    "block": BLOCK_CAUSAL,  # bidirectional inside a block, nothing beyond it
}
"""The self-attention masks of paper equation 5 by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorConfig:
    """Everything that decides the shape and the meaning of the weights.

    The defaults are the `portrait` size. `self_sees` is the mask of the motion frames among
    themselves, `cross_sees` that of the motion frames on the conditions, `dual_sees` that of both
    attentions of the dual motion encoder.
    """

    motion_dim: int = 38  # D
    audio_dim: int = 256  # A
    condition_width: int = 256
    condition_heads: int = 4
    width: int = 256
    depth: int = 8
    heads: int = 8
    mlp_ratio: int = 4
    time_frequencies: int = 256
    rope_theta: float = 1e4
    flow_grid: int | None = None  # times that steps are snapped to when sampling
    condition_rope: bool = True  # rotary positions wherever conditions are attended to
    block_frames: int = BLOCK_FRAMES  # B
    first_frames: int = BLOCK_FRAMES  # of the first window of a stream
    self_sees: Visibility = BLOCK_CAUSAL
    cross_sees: Visibility = NEARBY_IN_BLOCK
    dual_sees: Visibility = CAUSAL_IN_BLOCK

    def __post_init__(self) -> None:
        if self.first_frames < 1 or self.first_frames % self.block_frames:
            raise ValueError("the first window must be whole blocks")
        for width, heads in (
            (self.width, self.heads),
            (self.condition_width, self.condition_heads),
        ):
            if width % (2 * heads):
                raise ValueError(f"{width} channels do not split into {heads} even heads")

    @property
    def overlap_frames(self) -> int:
        """Clean frames fed again with the next block, because they looked beyond their own."""
        return self.self_sees.spill_frames(self.block_frames)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for a checkpoint's header; `checkpoint.config_from` is the inverse."""
        return dataclasses.asdict(self)


def portrait(*, width: int = 256, depth: int = 8, heads: int = 8) -> GeneratorConfig:
    """The small generator of the mesh autoencoder: streams from the first 0.4 s on."""
    return GeneratorConfig(width=width, depth=depth, heads=heads)


def released(
    *,
    motion_dim: int = 512,
    audio_dim: int = 9216,
    condition_width: int = 512,
    width: int = 1024,
    depth: int = 8,
    heads: int = 8,
) -> GeneratorConfig:
    """The public checkpoints' layout and masks, paper section 4.1 and appendix D.1.

    Frame-causal self-attention with two frames of look-ahead, a first window of 50 frames, then
    two clean and ten noisy frames per step on a cache of 38 (and 2 of the conditions); the dual
    motion encoder sees all of what it is fed.
    """
    return GeneratorConfig(
        motion_dim=motion_dim,
        audio_dim=audio_dim,
        condition_width=condition_width,
        width=width,
        depth=depth,
        heads=heads,
        condition_rope=False,
        flow_grid=1000,
        first_frames=50,
        self_sees=FRAME_CAUSAL,
        cross_sees=NEARBY,
        dual_sees=EVERYTHING,
    )


def full(mask: str = "released") -> GeneratorConfig:
    """The paper's generator (width 1024) under one of `MASKS`; KeyError for another name."""
    return replace(released(), self_sees=MASKS[mask])


def with_first_window(config: GeneratorConfig, frames: int) -> GeneratorConfig:
    """The same weights with another first window, which shifts when a stream may begin.

    The released inference draws 50 frames at once, so its first picture needs 2 s of input; 10
    begin after 0.4 s. Later blocks are drawn alike. Raises ValueError unless it is whole blocks.
    """
    return replace(config, first_frames=frames)
