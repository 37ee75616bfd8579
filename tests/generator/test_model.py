"""One forward for whole windows and streams: the rules of a causal model."""

from dataclasses import replace

import pytest
import torch

from afgen.generator.dual_motion_encoder import ConditionTensors
from afgen.generator.model import Memory, MotionGenerator
from tests.generator.small import CONFIG, small_model, tensors

FRAMES = 80  # twice the past window, so that its far end matters


def motion(frames: int = FRAMES, rows: int = 2) -> torch.Tensor:
    return torch.randn(rows, frames, CONFIG.motion_dim, generator=torch.Generator().manual_seed(5))


def whole(
    model: MotionGenerator, x_BTD: torch.Tensor, conditions: ConditionTensors
) -> torch.Tensor:
    clean_BT = torch.zeros(x_BTD.shape[:2])
    with torch.inference_mode():
        return model(x_BTD, clean_BT, x_BTD[:, 0] * 0, conditions)


def chunked(
    model: MotionGenerator, x_BTD: torch.Tensor, conditions: ConditionTensors
) -> torch.Tensor:
    memory, parts = model.empty_memory(len(x_BTD)), []
    with torch.inference_mode():
        for start in range(0, x_BTD.shape[1], 10):
            prepared = model.prepare(conditions.narrowed(start, start + 10), memory)
            x_BFD = x_BTD[:, start : start + 10]
            velocity, fresh = model.dfot(
                x_BFD, model.dfot.told(torch.zeros(1)), x_BTD[:, 0] * 0, prepared.around
            )
            memory = Memory(
                memory.motion.append(fresh),
                memory.cross.append(prepared.cross_fresh),
                memory.dual.append(prepared.dual_fresh),
            )
            parts.append(velocity)
    return torch.cat(parts, dim=1)


def test_chunked_equals_whole() -> None:
    model = small_model()
    difference = chunked(model, motion(), tensors(FRAMES)) - whole(model, motion(), tensors(FRAMES))
    error_T = difference.abs().amax(dim=(0, 2))
    assert error_T.max() < 1e-4, f"first differing frame {int((error_T >= 1e-4).nonzero()[0])}"


@pytest.mark.parametrize("part", ["avatar_audio_BTA", "user_audio_BTA", "user_motion_BTD"])
def test_future_conditions_do_not_change_earlier_blocks(part: str) -> None:
    conditions, other = tensors(FRAMES), getattr(tensors(FRAMES, seed=9), part)
    mixed = torch.cat((getattr(conditions, part)[:, :30], other[:, 30:]), dim=1)
    before = whole(small_model(), motion(), conditions)
    after = whole(small_model(), motion(), replace(conditions, **{part: mixed}))
    changed_T = (before != after).any(dim=2).any(dim=0)
    assert int(changed_T.nonzero()[0]) == 30


def test_future_motion_does_not_change_earlier_blocks() -> None:
    x_BTD, conditions = motion(), tensors(FRAMES)
    other = torch.cat((x_BTD[:, :30], -x_BTD[:, 30:]), dim=1)
    changed_T = (
        (whole(small_model(), x_BTD, conditions) != whole(small_model(), other, conditions))
        .any(dim=2)
        .any(dim=0)
    )
    assert int(changed_T.nonzero()[0]) == 30


def test_what_is_absent_does_not_matter() -> None:
    absent = torch.tensor([[1.0, 0.0, 0.0]]).expand(2, 3)
    one, other = tensors(20), tensors(20, seed=9)
    mixed = ConditionTensors(
        one.avatar_audio_BTA, other.user_audio_BTA, other.user_motion_BTD, absent
    )
    x_BTD = motion(20)
    assert torch.equal(
        whole(small_model(), x_BTD, replace(one, present_B3=absent)),
        whole(small_model(), x_BTD, mixed),
    )


def test_each_condition_is_heard() -> None:
    one, other, x_BTD = tensors(20), tensors(20, seed=9), motion(20)
    before = whole(small_model(), x_BTD, one)
    for part in ("avatar_audio_BTA", "user_audio_BTA", "user_motion_BTD"):
        after = whole(small_model(), x_BTD, replace(one, **{part: getattr(other, part)}))
        assert (before - after).abs().mean() > 1e-3, part


def test_time_belongs_to_the_frame() -> None:
    model, x_BTD, conditions = small_model(), motion(20), tensors(20)
    time_BT = torch.zeros(2, 20)
    noisy = time_BT.clone()
    noisy[:, 10:] = 0.7
    with torch.inference_mode():
        clean_v = model(x_BTD, time_BT, x_BTD[:, 0], conditions)
        noisy_v = model(x_BTD, noisy, x_BTD[:, 0], conditions)
    assert torch.equal(clean_v[:, :10], noisy_v[:, :10])
    assert not torch.equal(clean_v[:, 10:], noisy_v[:, 10:])
