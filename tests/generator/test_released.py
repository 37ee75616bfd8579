"""The public checkpoints' layout against vectors of the reference implementation."""

from functools import cache

import numpy as np
import pytest
import torch

from afgen.checkpoint import fill
from afgen.errors import WeightsMismatchError
from afgen.generator.model import MotionGenerator
from afgen.generator.released import from_released, mask_agrees
from tests import golden
from tests.rule_made import PUBLIC, generator_layout, generator_weights
from tests.shared import needs_golden


@cache
def public_weights() -> dict[str, torch.Tensor]:
    return generator_weights()


def model() -> MotionGenerator:
    config, weights = from_released(public_weights(), heads=4)
    made = MotionGenerator(config).eval()
    fill(made, weights)
    return made


@needs_golden
def test_audio_projection() -> None:
    expected = golden.expected("generator_small")["gen.audio_projection"]
    torch.testing.assert_close(golden.audio_projection(model()), expected, atol=1e-4, rtol=0)


@needs_golden
def test_condition_and_velocity_of_one_window() -> None:
    expected = golden.expected("generator_small")
    condition, velocity = golden.condition_and_velocity(golden.after_projection(model()))
    torch.testing.assert_close(condition, expected["gen.condition"], atol=1e-4, rtol=0)
    torch.testing.assert_close(velocity, expected["gen.velocity"], atol=1e-4, rtol=0)


@needs_golden
@pytest.mark.parametrize("sample", golden.SAMPLES, ids=lambda sample: sample.name)
def test_sample_of_first_window_and_rolling_blocks(sample: golden.Sample) -> None:
    motion_TD = golden.generated(golden.after_projection(model()), sample)
    expected_TD = golden.expected(sample.name)["gen.sample"][0].numpy()
    error_T = np.abs(motion_TD - expected_TD).max(axis=1)
    assert error_T.max() < 1e-4, f"worst frame {int(error_T.argmax())}: {error_T.max():.5f}"


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
