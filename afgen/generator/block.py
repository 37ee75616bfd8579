"""One block of motion: denoised amid what is remembered, joined to the last one, remembered.

A function from tensors to tensors without anything else going in or out, so that a GPU can record
it once and replay it for every block of the same shape.

Shape letters: R recordings, G guidance rows of each, B = R x G, S evaluations, K flow times, F
frames fed (O clean ones, then T new ones), D motion, X numbers of a modulation.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from afgen.generator.anchor import anchored, slow_mean
from afgen.generator.continuity import Continuity, continued
from afgen.generator.dual_motion_encoder import ConditionTensors
from afgen.generator.guidance import guided
from afgen.generator.model import Memory, MotionGenerator, Prepared
from afgen.generator.solver import Velocity, euler
from afgen.nn.cache import KeyValues


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a block is drawn, as data.

    time_K    the distinct flow times that the model is told, the commit's last
    told_SF   which of them each frame is told at each evaluation; (S, 1) where all are told one
    step_SF   how far each frame then moves
    weight_G  of the guidance rows, and what each of them keeps of the conditions (`keeps_G3`)
    """

    time_K: Tensor
    told_SF: Tensor
    step_SF: Tensor
    weight_G: Tensor
    keeps_G3: Tensor
    continuity: Continuity
    anchor: float


@dataclass(frozen=True, slots=True)
class Given:
    """What a block is drawn from, besides the recipe.

    conditions     of the F frames fed, one row a recording
    overlap_ROD    clean frames before the new ones, fed again
    last_R2D       the two frames before the new ones, real where `going_R` is true
    slow_RD        running mean of the motion, where there is an anchor
    noise_RTD      where the new frames start from
    past_RFD       noise that the motion is remembered with, and how much; None for none
    """

    conditions: ConditionTensors
    memory: Memory
    reference_RD: Tensor
    overlap_ROD: Tensor
    last_R2D: Tensor
    going_R: Tensor
    slow_RD: Tensor
    noise_RTD: Tensor
    past_RFD: Tensor | None


@dataclass(frozen=True, slots=True)
class Drawn:
    """The new frames, and what there is to remember after them."""

    motion_RTD: Tensor
    memory: Memory
    slow_RD: Tensor


BlockFunction = Callable[[MotionGenerator, Recipe, Given], Drawn]


def draw_block(model: MotionGenerator, recipe: Recipe, given: Given) -> Drawn:
    """Denoise, join, anchor, commit."""
    overlap = given.overlap_ROD.shape[1]
    guidance_rows = len(recipe.weight_G)
    prepared = model.prepare(
        _for_guidance(given.conditions, recipe.keeps_G3),
        given.memory,
        phase=-overlap % model.config.block_frames,
    )
    told_KX = model.dfot.told(recipe.time_K)
    reference_BD = given.reference_RD.repeat_interleave(guidance_rows, dim=0)
    velocity = guided(_velocity_in(model, prepared, reference_BD), recipe.weight_G)
    x_RFD = torch.cat((given.overlap_ROD, given.noise_RTD), dim=1)
    drawn_RFD = euler(velocity, x_RFD, told_KX[recipe.told_SF], recipe.step_SF)
    motion_RTD = continued(drawn_RFD[:, overlap:], given.last_R2D, given.going_R, recipe.continuity)
    slow_RD = given.slow_RD
    if recipe.anchor:
        motion_RTD = anchored(motion_RTD, slow_RD, given.reference_RD, recipe.anchor)
        slow_RD = slow_mean(slow_RD, motion_RTD)
    past_RFD = torch.cat((given.overlap_ROD, motion_RTD), dim=1)
    if given.past_RFD is not None:
        past_RFD = torch.lerp(past_RFD, given.past_RFD, recipe.time_K[-1])
    past_BFD = past_RFD.repeat_interleave(guidance_rows, dim=0)
    _, fresh = model.dfot(past_BFD, told_KX[-1:], reference_BD, prepared.around)
    memory = _remembered(model, given.memory, prepared, fresh)
    return Drawn(motion_RTD=motion_RTD, memory=memory, slow_RD=slow_RD)


def _for_guidance(conditions: ConditionTensors, keeps_G3: Tensor) -> ConditionTensors:
    """Each recording's signals serve all its guidance rows, which tell apart what they keep."""
    present_RG3 = conditions.present_B3[:, None] * keeps_G3
    return replace(conditions, present_B3=present_RG3.flatten(0, 1))


def _velocity_in(model: MotionGenerator, prepared: Prepared, reference_BD: Tensor) -> Velocity:
    """The model's velocity for (B, F, D) amid the prepared conditions and past: reads only."""

    def velocity(x_BFD: Tensor, told_FX: Tensor) -> Tensor:
        velocity_BFD, _ = model.dfot(x_BFD, told_FX, reference_BD, prepared.around)
        return velocity_BFD  # type: ignore[no-any-return]

    return velocity


def _remembered(
    model: MotionGenerator, memory: Memory, prepared: Prepared, fresh: Sequence[KeyValues]
) -> Memory:
    """The memory moved on by the frames that are complete: all but those to be fed again."""
    complete = prepared.cross_fresh[0].keys.shape[1] - model.config.overlap_frames

    def first(entries: Sequence[KeyValues]) -> list[KeyValues]:
        return [entry.frames(0, complete) for entry in entries]

    return Memory(
        motion=memory.motion.append(first(fresh)),
        cross=memory.cross.append(first(prepared.cross_fresh)),
        dual=memory.dual.append(first(prepared.dual_fresh)),
    )
