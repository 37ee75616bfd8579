"""Motion window by window: nothing can be made before all that a window hears has been heard.

The same flow, solver, guidance and joints as the generator's (`generator/stream.py`), so that a
comparison is of what a model sees and of how long it has to wait for it. Recordings are rows; each
has its own noise, context and reference, so a batch gives what its rows would give alone.

Shape letters: R recordings, G guidance rows of each, K context frames, T frames of a window, F = K
+ T frames fed, D motion, A audio features, S evaluations.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from afgen.baseline.config import BaselineConfig
from afgen.baseline.guider import Voices
from afgen.baseline.model import WindowGenerator
from afgen.baseline.state import WindowState, begin
from afgen.generator.continuity import AS_DRAWN, Continuity, continued
from afgen.generator.flow import block_schedule
from afgen.generator.guidance import PAPER_GUIDANCE, Guidance, guided
from afgen.generator.solver import NoiseSource, Velocity, block_noise, euler
from afgen.signals import Conditions, Floats, MotionBlock


@dataclass(frozen=True, slots=True)
class WindowSampler:
    """A baseline and how to sample from it, with the settings of a `MotionSampler`.

    `nfe` is counted as the paper counts, so as many give as many Euler steps; here, none is needed
    to remember a window. `context_noise` is the flow time at which the context is seen, with that
    much noise in it.
    """

    model: WindowGenerator
    nfe: int = 10
    guidance: Guidance = PAPER_GUIDANCE
    noise: NoiseSource = block_noise
    continuity: Continuity = AS_DRAWN
    context_noise: float = 0.0

    @property
    def frames_at_once(self) -> int:
        """Frames that a step makes, all of whose conditions it needs before it can begin."""
        return self.model.config.window_frames

    def begin(self, reference_motion_RD: Floats, seeds: Sequence[int]) -> WindowState:
        """The state before the first frame of R recordings."""
        device = next(self.model.parameters()).device
        reference_RD = torch.from_numpy(np.asarray(reference_motion_RD, np.float32)).to(device)
        return begin(self.model.config, reference_RD, list(seeds))

    @torch.inference_mode()
    def step(
        self, conditions: Sequence[Conditions], state: WindowState
    ) -> tuple[tuple[MotionBlock, ...], WindowState]:
        """The next window of every recording, and the state after it.

        `conditions` has one entry per recording, with rows for a whole window of which `frames` are
        wanted; the user's motion is not looked at. Raises ValueError for other shapes.
        """
        config = self.model.config
        now = _voices(conditions, config, state.reference_RD)
        heard = Voices(
            torch.cat((state.avatar_audio_RKA, now.avatar_audio_BTA), dim=1),
            torch.cat((state.user_audio_RKA, now.user_audio_BTA), dim=1),
            now.present_B2,
        )
        motion_RTD = self._drawn(heard, state)
        keep = config.window_frames  # what lies before the new context
        after = replace(
            state,
            frame_R=state.frame_R + config.window_frames,
            context_RKD=torch.cat((state.context_RKD, motion_RTD), dim=1)[:, keep:],
            avatar_audio_RKA=heard.avatar_audio_BTA[:, keep:],
            user_audio_RKA=heard.user_audio_BTA[:, keep:],
        )
        blocks = tuple(
            MotionBlock(wanted.start_frame, row[: wanted.frames].numpy())
            for wanted, row in zip(conditions, motion_RTD.cpu(), strict=True)
        )
        return blocks, after

    def _drawn(self, heard: Voices, state: WindowState) -> Tensor:
        """Motion (R, T, D) of the window, joined to the one before."""
        config, device = self.model.config, state.reference_RD.device
        schedule = block_schedule(
            self.nfe, config.window_frames, clean_frames=config.context_frames
        )
        time_SF = schedule.time_SF.clone()
        time_SF[:, : config.context_frames] = self.context_noise
        times, told_SF = torch.unique(time_SF, return_inverse=True)
        told_SFX = self.model.dfot.told(times.to(device))[told_SF.to(device)]
        going_R = (state.frame_R > 0).to(device)
        x_RFD = torch.cat((self._context(state), self._noise(state)), dim=1)
        x_RFD = euler(
            self._velocity(heard, going_R, state), x_RFD, told_SFX, schedule.step_SF.to(device)
        )
        motion_RTD = x_RFD[:, config.context_frames :]
        return continued(motion_RTD, state.context_RKD[:, -2:], going_R, self.continuity)

    def _velocity(self, heard: Voices, going_R: Tensor, state: WindowState) -> Velocity:
        """The model's guided velocity for (R, F, D); what does not depend on noise is done once."""
        config, rows = self.model.config, self.guidance.rows()
        keeps_G2 = torch.tensor([row.keeps[:2] for row in rows]).to(state.reference_RD)
        weight_G = torch.tensor([row.weight for row in rows]).to(state.reference_RD)
        in_window_F = torch.arange(config.fed_frames, device=going_R.device)
        real_RF = going_R[:, None] | (in_window_F >= config.context_frames)
        real_BF = None if bool(going_R.all()) else real_RF.repeat_interleave(len(rows), dim=0)
        around = self.model.prepare(heard.for_guidance(keeps_G2), real_BF)
        reference_BD = state.reference_RD.repeat_interleave(len(rows), dim=0)

        def velocity(x_BFD: Tensor, told_FX: Tensor) -> Tensor:
            velocity_BFD, _ = self.model.dfot(x_BFD, told_FX, reference_BD, around)
            return velocity_BFD  # type: ignore[no-any-return]

        return guided(velocity, weight_G)

    def _noise(self, state: WindowState) -> Tensor:
        """Where the window's frames start from: of (seed, number of the window) alone."""
        return self._drawn_noise(state, self._windows(state), self.model.config.window_frames)

    def _context(self, state: WindowState) -> Tensor:
        """The frames before, as they are seen: with noise that no window is drawn from."""
        if not self.context_noise:
            return state.context_RKD
        numbers = [-1 - window for window in self._windows(state)]
        noise_RKD = self._drawn_noise(state, numbers, self.model.config.context_frames)
        return torch.lerp(state.context_RKD, noise_RKD, self.context_noise)

    def _windows(self, state: WindowState) -> list[int]:
        numbers: list[int] = (state.frame_R // self.model.config.window_frames).tolist()
        return numbers

    def _drawn_noise(self, state: WindowState, numbers: list[int], frames: int) -> Tensor:
        dim = self.model.config.motion_dim
        return self.noise(state.seed_R.tolist(), numbers, frames, dim).to(state.reference_RD)


def _voices(conditions: Sequence[Conditions], config: BaselineConfig, like: Tensor) -> Voices:
    """What R recordings hear during a window; zeros for a side that is missing."""
    shape = (config.window_frames, config.audio_dim)

    def stacked(sides: list[Floats | None]) -> Tensor:
        rows = [np.zeros(shape, np.float32) if side is None else side for side in sides]
        for row in rows:
            if row.shape != shape:
                raise ValueError(f"conditions of shape {row.shape}, not {shape}")
        return torch.from_numpy(np.stack(rows)).to(like)

    both = [(one.avatar_audio_TA, one.user_audio_TA) for one in conditions]
    present_B2 = torch.tensor([[side is not None for side in sides] for sides in both])
    return Voices(
        stacked([sides[0] for sides in both]),
        stacked([sides[1] for sides in both]),
        present_B2.to(like),
    )
