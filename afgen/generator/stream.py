"""Motion block by block: denoise with what is remembered, then remember the clean result.

`step` is the one loop body of offline rendering, batches and live sessions. It denoises a block
along its schedule without touching the memory, then a single clean pass commits it. Recordings are
rows; each has its own noise, memory and reference, so a batch gives what its rows would give alone.

Shape letters: R recordings, B = R x guidance rows, O overlap frames, F frames fed (O clean ones,
then the new ones), D motion, A audio features.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from afgen.generator.continuity import AS_DRAWN, Continuity, continued
from afgen.generator.dual_motion_encoder import ConditionTensors
from afgen.generator.flow import block_schedule
from afgen.generator.guidance import PAPER_GUIDANCE, Guidance, GuidanceRow, guided
from afgen.generator.model import Memory, MotionGenerator, Prepared
from afgen.generator.solver import NoiseSource, Velocity, block_noise, euler
from afgen.generator.state import StreamState, begin
from afgen.nn.cache import KeyValues
from afgen.signals import Conditions, Floats, MotionBlock


@dataclass(frozen=True, slots=True)
class MotionSampler:
    """A model and how to sample from it.

    `nfe` is counted as the paper counts (section 5); `continuity` is not of the paper.
    `context_noise` is the flow time at which generated motion is remembered, with that much noise
    in it: a model that knows its past to be inexact does not take its own errors for a style, and
    long streams stay steady (Chen et al., "Diffusion Forcing", NeurIPS 2024). 0 is the paper.
    """

    model: MotionGenerator
    nfe: int = 10
    guidance: Guidance = PAPER_GUIDANCE
    noise: NoiseSource = block_noise
    continuity: Continuity = AS_DRAWN
    context_noise: float = 0.0

    def begin(self, reference_motion_RD: Floats, seeds: Sequence[int]) -> StreamState:
        """The state before the first frame of R recordings."""
        device = next(self.model.parameters()).device
        reference_RD = torch.from_numpy(np.asarray(reference_motion_RD, np.float32)).to(device)
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
        overlap = state.overlap_ROD.shape[1]
        prepared = self.model.prepare(
            _for_guidance(fed, rows), state.memory, phase=-overlap % self.model.config.block_frames
        )
        velocity = _velocity_in(self.model, prepared, state.reference_RD, len(rows))
        x_RFD = torch.cat((state.overlap_ROD, self._noise(conditions.frames, state)), dim=1)
        schedule = block_schedule(
            self.nfe, conditions.frames, clean_frames=overlap, grid=self.model.config.flow_grid
        )
        drawn_RFD = euler(guided(velocity, rows), x_RFD, schedule)
        going_R = (state.frame_R > 0).to(x_RFD.device)
        motion_RTD = continued(drawn_RFD[:, overlap:], state.last_R2D, going_R, self.continuity)
        x_RFD = torch.cat((state.overlap_ROD, motion_RTD), dim=1)
        memory = self._commit(x_RFD, prepared, state)
        keep = self.model.config.overlap_frames
        after = replace(
            state,
            frame_R=state.frame_R + conditions.frames,
            last_R2D=motion_RTD[:, -2:],
            memory=memory,
            overlap_ROD=x_RFD[:, x_RFD.shape[1] - keep :],
            overlap_conditions=fed.narrowed(fed.frames - keep),
        )
        return motion_RTD, after

    def _noise(self, frames: int, state: StreamState) -> Tensor:
        blocks = (state.frame_R // self.model.config.block_frames).tolist()
        dim = self.model.config.motion_dim
        noise_RTD = self.noise(state.seed_R.tolist(), blocks, frames, dim)
        return noise_RTD.to(state.reference_RD.device)

    def _commit(self, clean_RFD: Tensor, prepared: Prepared, state: StreamState) -> Memory:
        """One pass over the clean frames; those that are complete are remembered."""
        past_RFD = self._as_remembered(clean_RFD, state)
        past_BFD = past_RFD.repeat_interleave(state.guidance_rows, dim=0)
        reference_BD = state.reference_RD.repeat_interleave(state.guidance_rows, dim=0)
        time_11 = clean_RFD.new_full((1, 1), self.context_noise)
        _, motion_fresh = self.model.dfot(past_BFD, time_11, reference_BD, prepared.around)
        complete = clean_RFD.shape[1] - self.model.config.overlap_frames

        def first(fresh: Sequence[KeyValues]) -> list[KeyValues]:
            return [entry.frames(0, complete) for entry in fresh]

        return Memory(
            motion=state.memory.motion.append(first(motion_fresh)),
            cross=state.memory.cross.append(first(prepared.cross_fresh)),
            dual=state.memory.dual.append(first(prepared.dual_fresh)),
        )

    def _as_remembered(self, clean_RFD: Tensor, state: StreamState) -> Tensor:
        """Motion with the noise of the time it is remembered at, of its own for each block."""
        if not self.context_noise:
            return clean_RFD
        blocks = (state.frame_R // self.model.config.block_frames).tolist()
        numbers = [-1 - block for block in blocks]  # none that a block is drawn from
        noise_RFD = self.noise(state.seed_R.tolist(), numbers, *clean_RFD.shape[1:])
        return torch.lerp(clean_RFD, noise_RFD.to(clean_RFD), self.context_noise)

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


def _for_guidance(conditions: ConditionTensors, rows: tuple[GuidanceRow, ...]) -> ConditionTensors:
    """(R, ...) to (R x G, ...), each guidance row with only the conditions it keeps."""
    keeps_G3 = torch.tensor([row.keeps for row in rows]).to(conditions.present_B3)
    present_RG3 = conditions.present_B3[:, None] * keeps_G3
    return ConditionTensors(
        conditions.avatar_audio_BTA.repeat_interleave(len(rows), dim=0),
        conditions.user_audio_BTA.repeat_interleave(len(rows), dim=0),
        conditions.user_motion_BTD.repeat_interleave(len(rows), dim=0),
        present_RG3.flatten(0, 1),
    )


def _velocity_in(
    model: MotionGenerator, prepared: Prepared, reference_RD: Tensor, guidance_rows: int
) -> Velocity:
    """The model's velocity for (B, F, D) amid the prepared conditions and past: reads only."""
    reference_BD = reference_RD.repeat_interleave(guidance_rows, dim=0)

    def velocity(x_BFD: Tensor, time_F: Tensor) -> Tensor:
        alike = bool((time_F == time_F[0]).all())  # then one modulation serves all frames
        time_1F = time_F[None, :1] if alike else time_F[None]
        velocity_BFD, _ = model.dfot(x_BFD, time_1F, reference_BD, prepared.around)
        return velocity_BFD  # type: ignore[no-any-return]

    return velocity
