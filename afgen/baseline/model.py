"""INFP*: motion guider and a transformer whose frames all see each other.

The transformer is the generator's own (`generator/dfot.py`) under another mask. Each frame is told
its own flow time there, so the clean frames of the window before need nothing new: their time is 0.

Shape letters: B rows, T frames fed (context, then window), D motion, C width.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from afgen.baseline.config import BaselineConfig
from afgen.baseline.guider import MotionGuider, Voices
from afgen.generator.dfot import DFoT, Surroundings
from afgen.generator.window import Window, window_of
from afgen.nn.masks import Visibility


class WindowGenerator(nn.Module):
    """Holds weights only; what is known of the window before comes in with the frames."""

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__()
        self.config = config
        self.guider = MotionGuider(config)
        self.dfot = DFoT(config.transformer)

    def forward(
        self,
        noisy_BTD: Tensor,
        time_BT: Tensor,
        reference_BD: Tensor,
        voices: Voices,
        real_BT: Tensor | None = None,
    ) -> Tensor:
        """Velocity n - m (B, T, D) of each frame, seen with all others.

        Frames where `real_BT` is false are seen by nobody but themselves: the context of a window
        that begins a recording.
        """
        around = self.prepare(voices, real_BT)
        velocity_BTD, _ = self.dfot(noisy_BTD, self.dfot.told(time_BT), reference_BD, around)
        return velocity_BTD  # type: ignore[no-any-return]

    def prepare(self, voices: Voices, real_BT: Tensor | None = None) -> Surroundings:
        """Everything about T frames that does not depend on their noise."""
        fresh = self.dfot.look_up(self.guider(voices))
        motion, cross = (
            self._window(sees, voices, real_BT)
            for sees in (self.config.self_sees, self.config.cross_sees)
        )
        return self.dfot.surroundings(fresh, motion=motion, cross=cross)

    def _window(self, sees: Visibility, voices: Voices, real_BT: Tensor | None) -> Window:
        frames, config = voices.frames, self.config
        window = window_of(
            sees,
            fed_frames=frames,
            block_frames=config.window_frames,
            phase=-config.context_frames % config.window_frames,
            head_dim=config.width // config.heads,
            theta=config.rope_theta,
            cache=None,
            device=voices.avatar_audio_BTA.device,
        )
        if real_BT is None:
            return window
        itself_TT = torch.eye(frames, dtype=torch.bool, device=real_BT.device)
        seen_BTT = real_BT[:, None] | itself_TT  # a frame that saw nothing would be no number
        return replace(window, mask=window.mask.where(seen_BTT[:, None], -torch.inf))
