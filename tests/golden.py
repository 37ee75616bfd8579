"""Vectors of the reference implementation, and the calls that have to reproduce them.

The weights of the vectors follow a rule (see their README), so no checkpoint is needed. Regenerate
by running the reference with the same rule; nothing here depends on how they were made.
"""

from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from afgen.generator.dual_motion_encoder import ConditionTensors
from afgen.generator.guidance import Guidance
from afgen.generator.model import MotionGenerator
from afgen.generator.stream import MotionSampler
from afgen.signals import Conditions
from tests.rule_made import given
from tests.shared import SHARED

WIDTH, FIRST = 64, 50  # of features and motion in the vectors; frames of the first window


class Sample(NamedTuple):
    name: str
    frames: int
    nfe: int
    guidance: Guidance


SAMPLES = (
    Sample("generator_small", 83, 10, Guidance(2.0, 1.0)),
    Sample("generator_small_nfe5", 70, 5, Guidance(1.5, 0.5)),
)


@cache
def expected(name: str) -> dict[str, Tensor]:
    return load_file(SHARED / "golden" / f"{name}.safetensors")


def image() -> Tensor:
    """The two pictures of `autoencoder_64`."""
    return given("image", 2, 3, 64, 64).clamp(-1, 1)


def conditions(frames: int) -> ConditionTensors:
    return ConditionTensors(
        given("avatar_audio_feat", 1, frames, WIDTH),
        given("user_audio_feat", 1, frames, WIDTH),
        given("user_motion", 1, frames, WIDTH, scale=0.5),
        torch.ones(1, 3),
    )


def after_projection(model: MotionGenerator) -> MotionGenerator:
    """Change a model to hear features that have passed the audio projection already."""
    model.dual.audio = nn.Identity()
    model.config = replace(model.config, audio_dim=WIDTH)
    return model


def audio_projection(model: MotionGenerator) -> Tensor:
    with torch.inference_mode():
        return model.dual.audio(given("wav2vec_layers", 1, 20, 9216))


def condition_and_velocity(model: MotionGenerator) -> tuple[Tensor, Tensor]:
    """Of one window whose blocks are at different times; the model is one `after_projection`."""
    time_BT = torch.tensor([[0.9, 0.6, 0.3, 0.1, 0.0]]).repeat_interleave(10, dim=1)
    reference_BD = given("reference_motion", 1, WIDTH, scale=0.5)
    seen: list[Tensor] = []
    model.dual.register_forward_hook(lambda *call: seen.append(call[2][0]))
    window = conditions(83).narrowed(0, FIRST)
    with torch.inference_mode():
        velocity = model(given("x", 1, FIRST, WIDTH), time_BT, reference_BD, window)
    return seen[0], velocity


def generated(model: MotionGenerator, sample: Sample) -> np.ndarray:
    """Motion (T, D) in the released mode, a window of 50 frames and then blocks of 10.

    The model is one `after_projection`.
    """
    total = FIRST + 10 * -(-(sample.frames - FIRST) // 10)
    noise_BTD = given("noise", 1, total, WIDTH)
    sampler = MotionSampler(
        model,
        sample.nfe,
        sample.guidance,
        lambda seeds, blocks, frames, dim: noise_BTD[:, 10 * blocks[0] : 10 * blocks[0] + frames],
    )
    whole = conditions(sample.frames)
    reference_RD = given("reference_motion", 1, WIDTH, scale=0.5).numpy()
    state, parts = sampler.begin(reference_RD, [0]), []
    for start in (0, *range(FIRST, sample.frames, 10)):
        block = block_of(whole, start, sample.frames)
        (made,), state = sampler.step([block], state)
        parts.append(made.motion_TD)
    return np.concatenate(parts)


def block_of(whole: ConditionTensors, start: int, end: int) -> Conditions:
    frames = 10 if start else FIRST
    part = whole.narrowed(start, start + frames)
    short = frames - part.frames

    def rows(tensor: torch.Tensor) -> np.ndarray:
        return np.pad(tensor[0].numpy(), ((0, short), (0, 0)), mode="edge")

    return Conditions(
        start_frame=start,
        frames=min(frames, end - start),
        avatar_audio_TA=rows(part.avatar_audio_BTA),
        user_audio_TA=rows(part.user_audio_BTA),
        user_motion_TD=rows(part.user_motion_BTD),
    )
