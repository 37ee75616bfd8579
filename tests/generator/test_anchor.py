"""The anchor: holds the slow mean, lets quick motion pass, and is part of the state."""

import numpy as np
import pytest
import torch

from afgen.generator.anchor import MEMORY_FRAMES, anchored, slow_mean
from afgen.generator.state import StreamState
from afgen.generator.stream import MotionSampler, stream
from tests.generator.small import CONFIG, blocks, reference, small_model


def run(sampler: MotionSampler, conditions: list, state: StreamState | None = None) -> np.ndarray:
    made = stream(sampler, iter(conditions), reference(), seed=1, state=state)
    return np.concatenate([block.motion_TD for block, _ in made])


def held(strength: float, course_T: torch.Tensor) -> torch.Tensor:
    """What becomes of a course that each block goes on with from where the last one ended."""
    slow_RD, here, shown = torch.zeros(1, 1), 0.0, []
    for block_F in course_T.split(10):
        drawn_1F1 = (block_F + here)[None, :, None]
        block_1F1 = anchored(drawn_1F1, slow_RD, torch.zeros(1, 1), strength)
        slow_RD = slow_mean(slow_RD, block_1F1)
        here += float(block_1F1[0, -1, 0] - drawn_1F1[0, -1, 0])
        shown.append(block_1F1[0, :, 0])
    return torch.cat(shown)


def test_the_slow_mean_is_the_running_mean_frame_by_frame() -> None:
    motion = torch.randn(2, 10, 3, generator=torch.Generator().manual_seed(0))
    slow = expected = torch.zeros(2, 3)
    for frame in motion.unbind(1):
        expected = expected + (frame - expected) / MEMORY_FRAMES
    torch.testing.assert_close(slow_mean(slow, motion), expected)


def test_the_pull_begins_at_nothing_and_ends_at_its_strength() -> None:
    motion, off = torch.zeros(1, 10, 3), torch.ones(1, 3)
    pulled = anchored(motion, off, torch.zeros(1, 3), 0.2)
    torch.testing.assert_close(pulled[0, :, 0], -0.2 * torch.arange(1, 11) / 10)


def test_a_walk_without_end_is_held_and_not_shaken() -> None:
    drift_T = torch.arange(6000) / 100  # 0.01 a frame, for four minutes
    course_T = held(0.2, drift_T)
    assert drift_T[-1] > 59
    assert course_T.abs().max() < 1.0
    assert course_T.diff().abs().max() < 0.05


def test_a_nod_passes() -> None:
    time_T = torch.arange(500) / 25
    nods_T = torch.sin(2 * torch.pi * 2 * time_T)
    course_T = held(0.2, nods_T)[100:]
    assert 0.95 < course_T.std() / nods_T[100:].std() < 1.05


def test_no_anchor_changes_no_bit_and_an_anchor_does() -> None:
    conditions = blocks(80)
    plain = run(MotionSampler(small_model(), nfe=4), conditions)
    assert np.array_equal(run(MotionSampler(small_model(), nfe=4, anchor=0.0), conditions), plain)
    anchored_TD = run(MotionSampler(small_model(), nfe=4, anchor=0.2), conditions)
    assert np.array_equal(anchored_TD[:10], plain[:10])
    assert (anchored_TD[10:20] != plain[10:20]).all()


def test_resumed_equals_uninterrupted_bit_for_bit() -> None:
    sampler, conditions = MotionSampler(small_model(), nfe=4, anchor=0.2), blocks(80)
    *_, (_, state) = stream(sampler, iter(conditions[:5]), reference(), seed=1)
    restored = StreamState.from_bytes(state.to_bytes())
    whole = run(sampler, conditions)
    assert np.array_equal(run(sampler, conditions[5:], restored), whole[50:])


def test_a_row_that_starts_again_starts_at_its_own_reference() -> None:
    sampler = MotionSampler(small_model(), nfe=3, anchor=0.2)
    state = sampler.begin(np.stack([reference()] * 2), [1, 2])
    for block in blocks(30):
        _, state = sampler.step([block, block], state)
    other = torch.from_numpy(reference(1))[None]
    state = state.reset(torch.tensor([1]), torch.tensor([5]), other)
    assert torch.equal(state.slow_RD[1], other[0])
    assert not torch.equal(state.slow_RD[0], torch.from_numpy(reference()))


@pytest.mark.parametrize("strength", [0.05, 0.5])
def test_a_stronger_anchor_holds_nearer(strength: float) -> None:
    free = run(MotionSampler(small_model(), nfe=4), blocks(600))
    near = run(MotionSampler(small_model(), nfe=4, anchor=strength), blocks(600))
    assert free.shape == (600, CONFIG.motion_dim)

    def off(motion_TD: np.ndarray) -> float:
        return float(np.linalg.norm(motion_TD.mean(axis=0) - reference()))

    assert off(near) < off(free)
