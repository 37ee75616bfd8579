"""The public checkpoints' layout against vectors of the reference implementation.

The weights of the vectors follow a rule (see their README), so no checkpoint is needed. Regenerate
by running the reference with the same rule; nothing here depends on how they were made.
"""

from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from afgen.checkpoint import fill
from afgen.errors import WeightsMismatchError
from afgen.generator.dual_motion_encoder import ConditionTensors
from afgen.generator.guidance import Guidance
from afgen.generator.model import MotionGenerator
from afgen.generator.released import from_released, mask_agrees
from afgen.generator.stream import MotionSampler
from afgen.signals import Conditions
from tests.rule_made import PUBLIC, generator_layout, generator_weights, given
from tests.shared import SHARED, needs_golden

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
def public_weights() -> dict[str, torch.Tensor]:
    return generator_weights()


def model(*, projected: bool) -> MotionGenerator:
    """`projected`: the vectors' audio features have passed the audio projection already."""
    config, weights = from_released(public_weights(), heads=4)
    made = MotionGenerator(config).eval()
    fill(made, weights)
    if projected:
        made.dual.audio = nn.Identity()
        made.config = replace(config, audio_dim=WIDTH)
    return made


def expected(name: str, key: str) -> torch.Tensor:
    return load_file(SHARED / "golden" / f"{name}.safetensors")[key]


def conditions(frames: int) -> ConditionTensors:
    return ConditionTensors(
        given("avatar_audio_feat", 1, frames, WIDTH),
        given("user_audio_feat", 1, frames, WIDTH),
        given("user_motion", 1, frames, WIDTH, scale=0.5),
        torch.ones(1, 3),
    )


@needs_golden
def test_audio_projection() -> None:
    with torch.inference_mode():
        features = model(projected=False).dual.audio(given("wav2vec_layers", 1, 20, 9216))
    torch.testing.assert_close(
        features, expected("generator_small", "gen.audio_projection"), atol=1e-4, rtol=0
    )


@needs_golden
def test_condition_and_velocity_of_one_window() -> None:
    time_BT = torch.tensor([[0.9, 0.6, 0.3, 0.1, 0.0]]).repeat_interleave(10, dim=1)
    reference_BD = given("reference_motion", 1, WIDTH, scale=0.5)
    made, seen = model(projected=True), []
    made.dual.register_forward_hook(lambda *call: seen.append(call[2][0]))
    window = conditions(83).narrowed(0, FIRST)
    with torch.inference_mode():
        velocity = made(given("x", 1, FIRST, WIDTH), time_BT, reference_BD, window)
    golden = "generator_small"
    torch.testing.assert_close(seen[0], expected(golden, "gen.condition"), atol=1e-4, rtol=0)
    torch.testing.assert_close(velocity, expected(golden, "gen.velocity"), atol=1e-4, rtol=0)


@needs_golden
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_sample_of_first_window_and_rolling_blocks(sample: Sample) -> None:
    motion_TD = generated(sample)
    error_T = np.abs(motion_TD - expected(sample.name, "gen.sample")[0].numpy()).max(axis=1)
    assert error_T.max() < 1e-4, f"worst frame {int(error_T.argmax())}: {error_T.max():.5f}"


def generated(sample: Sample) -> np.ndarray:
    total = FIRST + 10 * -(-(sample.frames - FIRST) // 10)
    noise_BTD = given("noise", 1, total, WIDTH)
    sampler = MotionSampler(
        model(projected=True),
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


def test_all_entries_that_do_not_belong_are_counted_and_the_first_named() -> None:
    weights = {k: v for k, v in public_weights().items() if "x_embedder" not in k}
    weights["flow_transformer.surprise"] = torch.zeros(1)
    weights["flow_transformer.blocks.1.attn.proj.bias"] = torch.zeros(7)
    with pytest.raises(WeightsMismatchError) as raised:
        from_released(weights, heads=4)
    said = raised.value.message
    assert "lacks 'flow_transformer.x_embedder.proj.weight', 'flow_transformer.x_emb" in said
    assert "unexpected 'flow_transformer.surprise'" in said
    assert "misshapen 'flow_transformer.blocks.1.attn.proj.bias' (7,) instead of (128,)" in said


def test_of_a_checkpoint_cut_short_everything_after_the_cut_is_missing() -> None:
    weights = dict(list(public_weights().items())[:30])
    with pytest.raises(WeightsMismatchError, match=r"lacks 'flow_transformer\..* and \d+ more"):
        from_released(weights, heads=4)


def test_the_mask_table_is_understood_however_it_is_written() -> None:
    name = "flow_transformer.block_bidir_causal_lookahead_mask"
    hidden = public_weights()[name]
    assert mask_agrees({name: hidden})
    assert mask_agrees({name: ~hidden})
    assert mask_agrees({name: torch.zeros(50, 50).masked_fill(hidden, -torch.inf)})
    assert mask_agrees({name: hidden.T}) is False
    assert mask_agrees({}) is None


def test_the_full_layout_of_the_public_checkpoint_is_ours() -> None:
    """Names and shapes, without allocating the 153 million weights."""
    with torch.device("meta"):
        names = {name: torch.empty(shape) for name, shape in generator_layout(PUBLIC).items()}
        config, weights = from_released(names)
        own = MotionGenerator(config).state_dict()
    assert {name: tensor.shape for name, tensor in weights.items()} == {
        name: tensor.shape for name, tensor in own.items()
    }
    assert sum(tensor.numel() for tensor in own.values()) == pytest.approx(153.48e6, abs=0.01e6)
