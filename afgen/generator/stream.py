"""Motion block by block: denoise with what is remembered, then remember the clean result.

`step` is the one loop body of offline rendering, batches and live sessions. It denoises a block
along its schedule without touching the memory, then a single clean pass commits it. Recordings are
rows; each has its own noise, memory and reference, so a batch gives what its rows would give alone.

Shape letters: R recordings, O overlap frames, F frames fed (O clean ones, then the new ones), D
motion, A audio features, S evaluations, K flow times, G guidance rows.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from afgen.generator.block import BlockFunction, Given, Recipe, draw_block
from afgen.generator.continuity import AS_DRAWN, Continuity
from afgen.generator.dual_motion_encoder import ConditionTensors
from afgen.generator.flow import block_schedule
from afgen.generator.guidance import PAPER_GUIDANCE, Guidance
from afgen.generator.model import MotionGenerator
from afgen.generator.solver import NoiseSource, block_noise
from afgen.generator.state import StreamState, begin
from afgen.signals import Conditions, Floats, MotionBlock


@dataclass(frozen=True, slots=True)
class MotionSampler:
    """A model and how to sample from it.

    `nfe` is counted as the paper counts (section 5.2); `continuity` is not of the paper.
    `context_noise` is the flow time at which generated motion is remembered, with that much noise
    in it: a model that knows its past to be inexact does not take its own errors for a style, and
    long streams stay steady (Chen et al., "Diffusion Forcing", NeurIPS 2024). 0 is the paper.
    `anchor` is how far, with each block, motion that keeps off the reference is pulled towards it
    (see `anchor.py`); 0 is the paper, too. `draw` is `draw_block` in any form that gives the same.
    """

    model: MotionGenerator
    nfe: int = 10
    guidance: Guidance = PAPER_GUIDANCE
    noise: NoiseSource = block_noise
    continuity: Continuity = AS_DRAWN
    context_noise: float = 0.0
    anchor: float = 0.0
    draw: BlockFunction = draw_block

    def begin(self, reference_motion_RD: Floats, seeds: Sequence[int]) -> StreamState:
        """The state before the first frame of R recordings."""
        device = next(self.model.parameters()).device
        reference_RD = torch.from_numpy(np.asarray(reference_motion_RD, np.float32)).to(device)
        return self.begin_tensors(reference_RD, seeds)

    def begin_tensors(self, reference_RD: Tensor, seeds: Sequence[int]) -> StreamState:
        """`begin` with the reference where the state is to lie."""
        return begin(self.model, reference_RD, list(seeds), len(self.guidance.rows()))

    @torch.inference_mode()
    def step(
        self, conditions: Sequence[Conditions], state: StreamState
    ) -> tuple[tuple[MotionBlock, ...], StreamState]:
        """The next block of every recording, and the state after it.

        `conditions` has one entry per recording, with rows for a whole window (the config's
        `first_frames` at the start, then `block_frames`) of which `frames` are wanted. Raises
        ValueError where that or the number of guidance rows does not fit.
        """
        motion_RTD, state_after = self.step_tensors(self._tensors(conditions, state), state)
        blocks = tuple(
            MotionBlock(wanted.start_frame, row[: wanted.frames].numpy())
            for wanted, row in zip(conditions, motion_RTD.cpu(), strict=True)
        )
        return blocks, state_after

    @torch.inference_mode()
    def step_tensors(
        self, conditions: ConditionTensors, state: StreamState
    ) -> tuple[Tensor, StreamState]:
        """`step` on tensors of R rows: motion (R, T, D) of the new frames, and the state."""
        rows = self.guidance.rows()
        if state.guidance_rows != len(rows):
            raise ValueError(f"state has {state.guidance_rows} guidance rows, not {len(rows)}")
        fed = conditions.after(state.overlap_conditions)
        recipe = self._recipe(conditions.frames, state)
        drawn = self.draw(self.model, recipe, self._given(fed, conditions.frames, state))
        x_RFD = torch.cat((state.overlap_ROD, drawn.motion_RTD), dim=1)
        keep = self.model.config.overlap_frames
        after = replace(
            state,
            frame_R=state.frame_R + conditions.frames,
            last_R2D=drawn.motion_RTD[:, -2:],
            slow_RD=drawn.slow_RD,
            memory=drawn.memory,
            overlap_ROD=x_RFD[:, x_RFD.shape[1] - keep :],
            overlap_conditions=fed.narrowed(fed.frames - keep),
        )
        return drawn.motion_RTD, after

    def _recipe(self, frames: int, state: StreamState) -> Recipe:
        """How the next block is drawn; the same for all blocks of a shape."""
        schedule = block_schedule(
            self.nfe,
            frames,
            clean_frames=state.overlap_ROD.shape[1],
            grid=self.model.config.flow_grid,
        )
        times_K, told_SF = torch.unique(schedule.time_SF, return_inverse=True)
        if bool((told_SF == told_SF[:, :1]).all()):  # then one modulation serves all frames
            told_SF = told_SF[:, :1]
        rows, device = self.guidance.rows(), state.reference_RD.device
        return Recipe(
            time_K=torch.cat((times_K, torch.tensor([self.context_noise]))).to(device),
            told_SF=told_SF.to(device),
            step_SF=schedule.step_SF.to(device),
            weight_G=torch.tensor([row.weight for row in rows]).to(device),
            keeps_G3=torch.tensor([row.keeps for row in rows]).to(state.reference_RD),
            continuity=self.continuity,
            anchor=self.anchor,
        )

    def _given(self, fed: ConditionTensors, frames: int, state: StreamState) -> Given:
        blocks = (state.frame_R // self.model.config.block_frames).tolist()
        past = None
        if self.context_noise:
            numbers = [-1 - block for block in blocks]  # none that a block is drawn from
            past = self._noise(numbers, fed.frames, state)
        return Given(
            conditions=fed,
            memory=state.memory,
            reference_RD=state.reference_RD,
            overlap_ROD=state.overlap_ROD,
            last_R2D=state.last_R2D,
            going_R=(state.frame_R > 0).to(state.reference_RD.device),
            slow_RD=state.slow_RD,
            noise_RTD=self._noise(blocks, frames, state),
            past_RFD=past,
        )

    def _noise(self, blocks: list[int], frames: int, state: StreamState) -> Tensor:
        dim = self.model.config.motion_dim
        noise_RTD = self.noise(state.seed_R.tolist(), blocks, frames, dim)
        return noise_RTD.to(state.reference_RD)

    def _tensors(self, conditions: Sequence[Conditions], state: StreamState) -> ConditionTensors:
        config = self.model.config
        starting = state.frame_R == 0
        frames = config.first_frames if bool(starting.all()) else config.block_frames

        def stacked(parts: list[Floats | None], dim: int) -> Tensor:
            rows = [np.zeros((frames, dim), np.float32) if p is None else p for p in parts]
            for row in rows:
                if row.shape != (frames, dim):
                    raise ValueError(f"conditions of shape {row.shape}, not {(frames, dim)}")
            return torch.from_numpy(np.stack(rows)).to(state.reference_RD)

        sides = [(c.avatar_audio_TA, c.user_audio_TA, c.user_motion_TD) for c in conditions]
        present = torch.tensor([[part is not None for part in side] for side in sides])
        return ConditionTensors(
            stacked([side[0] for side in sides], config.audio_dim),
            stacked([side[1] for side in sides], config.audio_dim),
            stacked([side[2] for side in sides], config.motion_dim),
            present.to(state.reference_RD),
        )


def stream(
    sampler: MotionSampler,
    conditions: Iterable[Conditions],
    reference_motion_D: Floats,
    *,
    seed: int = 0,
    state: StreamState | None = None,
) -> Iterator[tuple[MotionBlock, StreamState]]:
    """Motion of one recording as its conditions come in, with the state to resume after each.

    To resume, pass the state and the conditions from its next frame on.
    """
    if state is None:
        state = sampler.begin(reference_motion_D[None], [seed])
    for block_conditions in conditions:
        (block,), state = sampler.step([block_conditions], state)
        yield block, state
