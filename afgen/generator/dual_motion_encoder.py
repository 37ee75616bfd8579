"""The dual motion encoder: what both people do, as one condition per frame (paper section 4.1).

Shape letters: B rows, T frames fed, D motion, A audio features, E condition width, C model width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the name everybody reads)

from afgen.generator.config import GeneratorConfig
from afgen.generator.window import Window
from afgen.nn.attention import CrossAttention
from afgen.nn.cache import KeyValues, RollingCache


@dataclass(frozen=True, slots=True)
class ConditionTensors:
    """Both people's signals for T frames; `present_B3` says which a row really has.

    The columns of `present_B3` (1 or 0) are avatar audio, user audio, user motion. What is absent
    enters the model as zeros, which is also what training drops (paper appendix D.1). There may be
    fewer rows of signals than of `present_B3`: then each serves as many in turn (guidance).
    """

    avatar_audio_BTA: Tensor
    user_audio_BTA: Tensor
    user_motion_BTD: Tensor
    present_B3: Tensor

    @property
    def frames(self) -> int:
        """T."""
        return self.avatar_audio_BTA.shape[1]

    def narrowed(self, start: int, stop: int | None = None) -> "ConditionTensors":
        """The frames start..stop."""
        return ConditionTensors(
            self.avatar_audio_BTA[:, start:stop],
            self.user_audio_BTA[:, start:stop],
            self.user_motion_BTD[:, start:stop],
            self.present_B3,
        )

    def after(self, past: "ConditionTensors") -> "ConditionTensors":
        """The frames of `past` followed by these."""
        return ConditionTensors(
            torch.cat((past.avatar_audio_BTA, self.avatar_audio_BTA), dim=1),
            torch.cat((past.user_audio_BTA, self.user_audio_BTA), dim=1),
            torch.cat((past.user_motion_BTD, self.user_motion_BTD), dim=1),
            self.present_B3,
        )


class DualMotionEncoder(nn.Module):
    """User motion asks the user's audio, then the avatar's audio asks the result."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        width, heads = config.condition_width, config.condition_heads
        self.audio = nn.Sequential(
            nn.Linear(config.audio_dim, width), nn.LayerNorm(width), nn.SiLU()
        )
        self.motion = nn.Sequential(
            nn.Linear(config.motion_dim, width),
            nn.LayerNorm(width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.LayerNorm(width),
            nn.SiLU(),
        )
        self.user_attention = CrossAttention(width, heads)
        self.user_norm = nn.LayerNorm(width)
        self.avatar_attention = CrossAttention(width, heads)
        self.avatar_norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, config.width)

    def forward(
        self, conditions: ConditionTensors, window: Window, cache: RollingCache | None
    ) -> tuple[Tensor, tuple[KeyValues, KeyValues]]:
        """Condition (B, T, C), and the keys and values of both attentions to remember."""
        avatar_here, user_here, moving = conditions.present_B3[:, :, None, None].unbind(1)
        avatar_BTE = _spread(self.audio(conditions.avatar_audio_BTA), avatar_here)
        sound_BTE = _spread(self.audio(conditions.user_audio_BTA), user_here)
        motion_BTE = self.motion(_spread(conditions.user_motion_BTD, moving))
        heard = self.user_attention.look_up(sound_BTE)
        user_BTE = self._ask(
            self.user_attention, motion_BTE, heard, window=window, cache=cache, layer=0
        )
        user_BTE = F.silu(self.user_norm(motion_BTE + user_BTE))
        met = self.avatar_attention.look_up(user_BTE)
        both_BTE = self._ask(
            self.avatar_attention, avatar_BTE, met, window=window, cache=cache, layer=1
        )
        both_BTE = F.silu(self.avatar_norm(avatar_BTE + both_BTE))
        return self.out(both_BTE), (heard, met)

    @staticmethod
    def _ask(
        attention: CrossAttention,
        query_BTE: Tensor,
        fresh: KeyValues,
        *,
        window: Window,
        cache: RollingCache | None,
        layer: int,
    ) -> Tensor:
        seen = fresh if cache is None else fresh.after(cache.layer(layer))
        out: Tensor = attention(query_BTE, window.rotated(seen), window.mask, window.turns)
        return out


def _spread(signal: Tensor, here_B11: Tensor) -> Tensor:
    """Rows of a signal for all rows that share it, zero where it is not to be heard."""
    return signal.repeat_interleave(len(here_B11) // len(signal), dim=0) * here_B11
