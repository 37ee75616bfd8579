"""What the baseline is trained to minimise: the generator's flow, one time for a whole window.

Shape letters: B rows, K context frames, T frames fed (context, then window), D motion.
"""

from dataclasses import replace

import torch
from torch import Tensor

from afgen.baseline.guider import Voices
from afgen.baseline.model import WindowGenerator
from afgen.generator.flow import noised, target_velocity
from afgen.generator.loss import mean_error


def window_times(
    rows: int,
    context_frames: int,
    window_frames: int,
    *,
    context_noise: float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Flow times (B, T): one of 0..1 for a row's window, one of 0..`context_noise` for its context.

    Both uniform; without noise the context is clean, which is time 0.
    """
    drawn_B2 = torch.rand(rows, 2, generator=generator)
    context_BK = (context_noise * drawn_B2[:, :1]).expand(-1, context_frames)
    return torch.cat((context_BK, drawn_B2[:, 1:].expand(-1, window_frames)), dim=1)


def dropped(
    voices: Voices,
    reference_BD: Tensor,
    *,
    probability: float,
    generator: torch.Generator | None = None,
) -> tuple[Voices, Tensor]:
    """Each voice and the reference zeroed by its own coin."""
    keep_B3 = torch.rand(len(reference_BD), 3, generator=generator) >= probability
    keep_B3 = keep_B3.to(reference_BD)
    return (
        replace(voices, present_B2=voices.present_B2 * keep_B3[:, :2]),
        reference_BD * keep_B3[:, 2:],
    )


def window_loss(
    model: WindowGenerator,
    motion_BTD: Tensor,
    reference_BD: Tensor,
    voices: Voices,
    begins_B: Tensor,
    *,
    context_noise: float = 0.0,
    dropout: float = 0.0,
    weight_D: Tensor | None = None,
    squared: bool = False,
    difference_weight: float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Mean |v - v_theta| over the frames of the window, not over the context's; a scalar.

    Where `begins_B` is true, the window begins a recording: it does not see its context.
    `context_noise` is the most noise that a context is seen with, so that a model learns that its
    own past is not exact. `dropout`, `weight_D`, `squared` and `difference_weight` are those of
    `diffusion_forcing_loss`. All randomness comes from `generator`, on the CPU.
    """
    context, fed = model.config.context_frames, model.config.fed_frames
    time_BT = window_times(
        len(motion_BTD),
        context,
        model.config.window_frames,
        context_noise=context_noise,
        generator=generator,
    ).to(motion_BTD)
    noise_BTD = torch.randn(motion_BTD.shape, generator=generator).to(motion_BTD)
    voices, reference_BD = dropped(voices, reference_BD, probability=dropout, generator=generator)
    in_context_T = torch.arange(fed, device=motion_BTD.device) < context
    real_BT = ~(begins_B[:, None] & in_context_T)
    x_BTD = noised(motion_BTD, noise_BTD, time_BT)
    velocity_BTD = model(x_BTD, time_BT, reference_BD, voices, real_BT)
    signed_BTD = velocity_BTD - target_velocity(motion_BTD, noise_BTD)
    return mean_error(
        signed_BTD[:, context:],
        weight_D=weight_D,
        squared=squared,
        difference_weight=difference_weight,
    )
