"""What the generator is trained to minimise: diffusion forcing and the label-free preference.

Shape letters: B rows, T frames, D motion.
"""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the name everybody reads)

from afgen.generator.dual_motion_encoder import ConditionTensors
from afgen.generator.flow import noised, target_velocity
from afgen.generator.model import MotionGenerator

DROPOUT = 0.1  # of each condition and of the reference, paper appendix D.1


def block_times(
    rows: int, frames: int, block_frames: int, *, generator: torch.Generator | None = None
) -> Tensor:
    """Flow times (B, T): uniform, shared in a block, independent across blocks (section 4.1)."""
    blocks = -(-frames // block_frames)
    time = torch.rand(rows, blocks, generator=generator)
    return time.repeat_interleave(block_frames, dim=1)[:, :frames]


def dropped(
    conditions: ConditionTensors,
    reference_BD: Tensor,
    *,
    probability: float = DROPOUT,
    generator: torch.Generator | None = None,
) -> tuple[ConditionTensors, Tensor]:
    """Each of avatar audio, user audio, user motion and reference zeroed by its own coin."""
    keep_B4 = torch.rand(len(reference_BD), 4, generator=generator) >= probability
    keep_B4 = keep_B4.to(reference_BD)
    return (
        replace(conditions, present_B3=conditions.present_B3 * keep_B4[:, :3]),
        reference_BD * keep_B4[:, 3:],
    )


def diffusion_forcing_loss(
    model: MotionGenerator,
    motion_BTD: Tensor,
    reference_BD: Tensor,
    conditions: ConditionTensors,
    *,
    dropout: float = DROPOUT,
    weight_D: Tensor | None = None,
    weight_BT: Tensor | None = None,
    squared: bool = False,
    difference_weight: float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Mean |v - v_theta| over whole windows, paper equation 6; a scalar.

    `squared` takes (v - v_theta)^2 / 2 in its place: the least absolute error is that of a median,
    which forgets what happens rarely, such as blinks and nods; the least square is that of a mean.
    `difference_weight` adds the error's change from frame to frame as an error of its own: motion
    hardly trembles, so what trembles in the input is noise and can be told exactly.

    `weight_D` and `weight_BT` weigh dimensions and frames (both of mean about 1). All randomness
    comes from `generator`, on the CPU.
    """
    rows, frames, _ = motion_BTD.shape
    time_BT = block_times(rows, frames, model.config.block_frames, generator=generator)
    time_BT = time_BT.to(motion_BTD)
    noise_BTD = torch.randn(motion_BTD.shape, generator=generator).to(motion_BTD)
    conditions, reference_BD = dropped(
        conditions, reference_BD, probability=dropout, generator=generator
    )
    velocity_BTD = model(noised(motion_BTD, noise_BTD, time_BT), time_BT, reference_BD, conditions)
    signed_BTD = velocity_BTD - target_velocity(motion_BTD, noise_BTD)
    return mean_error(
        signed_BTD,
        weight_D=weight_D,
        weight_BT=weight_BT,
        squared=squared,
        difference_weight=difference_weight,
    )


def mean_error(
    signed_BTD: Tensor,
    *,
    weight_D: Tensor | None = None,
    weight_BT: Tensor | None = None,
    squared: bool = False,
    difference_weight: float = 0.0,
) -> Tensor:
    """The mean size of velocity errors, with the options of `diffusion_forcing_loss`; a scalar."""
    error_BTD = _sized(signed_BTD, squared)
    if difference_weight:
        trembling_BTD = _sized(signed_BTD.diff(dim=1), squared)
        error_BTD = error_BTD + difference_weight * F.pad(trembling_BTD, (0, 0, 1, 0))
    if weight_D is not None:
        error_BTD = error_BTD * weight_D
    if weight_BT is not None:
        error_BTD = error_BTD * weight_BT[..., None]
    loss: Tensor = error_BTD.mean()
    return loss


def _sized(error: Tensor, squared: bool) -> Tensor:
    return error.square() / 2 if squared else error.abs()


def flow_errors(
    model: MotionGenerator,
    motion_BTD: Tensor,
    noise_BTD: Tensor,
    time_BT: Tensor,
    reference_BD: Tensor,
    conditions: ConditionTensors,
) -> Tensor:
    """Mean |v - v_theta| of each row (B,) with this noise and these times, in float32."""
    velocity_BTD = model(noised(motion_BTD, noise_BTD, time_BT), time_BT, reference_BD, conditions)
    errors_BTD: Tensor = velocity_BTD.float() - target_velocity(motion_BTD, noise_BTD)
    return errors_BTD.abs().mean(dim=(1, 2))


def preference_loss(
    *,
    winner_B: Tensor,
    winner_reference_B: Tensor,
    loser_B: Tensor,
    loser_reference_B: Tensor,
    beta: float = 1000.0,
) -> Tensor:
    """Direct preference optimisation on flow errors, paper equation 12; a scalar.

    Each argument is a per-row mean absolute error |v - v_model| (B,): of the trained model and of
    the frozen reference model, on the winner (ground truth) and on the loser (motion generated
    from the avatar's audio alone), all with the same noise, time and full conditions:

        L = -log sigmoid(-beta [(w - w_ref) - (l - l_ref)])
    """
    margin_B = (winner_B - winner_reference_B) - (loser_B - loser_reference_B)
    return -F.logsigmoid(-beta * margin_B).mean()
