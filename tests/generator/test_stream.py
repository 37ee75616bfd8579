"""Streams of blocks: causal, resumable, indifferent to their batch, unlimited in length."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from afgen.errors import WeightsMismatchError
from afgen.generator.config import FRAME_CAUSAL, MASKS, with_first_window
from afgen.generator.guidance import Guidance
from afgen.generator.state import StreamState
from afgen.generator.stream import MotionSampler, stream
from afgen.signals import Conditions
from tests.generator.small import CONFIG, blocks, reference, small_model

SAMPLER = MotionSampler(small_model(), nfe=4)


def run(
    conditions: list[Conditions], *, seed: int = 1, sampler: MotionSampler = SAMPLER
) -> np.ndarray:
    made = stream(sampler, iter(conditions), reference(), seed=seed)
    return np.concatenate([block.motion_TD for block, _ in made])


def first_difference(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.flatnonzero((one != other).any(axis=1))[0])


@pytest.mark.parametrize("mask", MASKS)
def test_future_conditions_do_not_change_earlier_blocks(mask: str) -> None:
    sampler = MotionSampler(small_model(replace(CONFIG, self_sees=MASKS[mask])), nfe=4)
    one, other = blocks(80), blocks(80, seed=7)
    before, after = run(one, sampler=sampler), run(one[:4] + other[4:], sampler=sampler)
    assert before.shape == (80, CONFIG.motion_dim)
    assert first_difference(before, after) == 40


def test_blocks_come_as_soon_as_their_own_conditions_do() -> None:
    pulled = []

    def live() -> object:
        for block in blocks(30):
            pulled.append(block.start_frame)
            yield block

    made = stream(SAMPLER, live(), reference())
    assert next(made)[0].start_frame == 0
    assert pulled == [0]


def test_the_same_weights_begin_with_one_block_or_with_five() -> None:
    model = small_model(replace(CONFIG, self_sees=FRAME_CAUSAL))
    long_start = small_model(with_first_window(model.config, 50))
    long_start.load_state_dict(model.state_dict())
    *parts, after = blocks(60)

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts])

    whole = Conditions(
        0, 50, joined("avatar_audio_TA"), joined("user_audio_TA"), joined("user_motion_TD")
    )
    at_once = run([whole, after], sampler=MotionSampler(long_start, nfe=4))
    by_blocks = run([*parts, after], sampler=MotionSampler(model, nfe=4))
    assert at_once.shape == by_blocks.shape == (60, CONFIG.motion_dim)
    assert first_difference(at_once, by_blocks) == 0


def test_resumed_equals_uninterrupted_bit_for_bit() -> None:
    conditions = blocks(100)
    whole = run(conditions)
    *_, (_, state) = stream(SAMPLER, iter(conditions[:6]), reference(), seed=1)
    restored = StreamState.from_bytes(state.to_bytes())
    rest = stream(SAMPLER, iter(conditions[6:]), reference(), state=restored)
    resumed = np.concatenate([block.motion_TD for block, _ in rest])
    assert np.array_equal(resumed, whole[60:]), (
        f"frame {60 + first_difference(resumed, whole[60:])}"
    )


def test_a_kept_state_is_not_changed_by_going_on() -> None:
    conditions = blocks(30)
    (_, state), *_ = stream(SAMPLER, iter(conditions[:1]), reference(), seed=1)
    once, _ = SAMPLER.step([conditions[1]], state)
    again, _ = SAMPLER.step([conditions[1]], state)
    assert np.array_equal(once[0].motion_TD, again[0].motion_TD)


def test_rows_in_a_batch_equal_rows_alone() -> None:
    """To 1e-4: matrix products of other sizes add up in another order."""
    recordings = [blocks(60), blocks(60, seed=1, user=False), blocks(60, seed=2)]
    state = SAMPLER.begin(np.stack([reference()] * 3), [11, 12, 13])
    batched = [[], [], []]
    for conditions in zip(*recordings, strict=True):
        made, state = SAMPLER.step(conditions, state)
        for row, block in zip(batched, made, strict=True):
            row.append(block.motion_TD)
    for row, (conditions, seed) in enumerate(zip(recordings, (11, 12, 13), strict=True)):
        alone = run(conditions, seed=seed)
        error_T = np.abs(alone - np.concatenate(batched[row])).max(axis=1)
        assert error_T.max() < 1e-4, f"row {row}, frame {int((error_T >= 1e-4).argmax())}"


def test_a_row_can_start_another_recording_beside_the_others() -> None:
    old, new = blocks(80), blocks(40, seed=3)
    state = SAMPLER.begin(np.stack([reference()] * 2), [1, 2])
    for block in old[:4]:
        _, state = SAMPLER.step([block, block], state)
    state = state.reset(torch.tensor([1]), torch.tensor([5]), torch.from_numpy(reference(1))[None])
    made = []
    for kept, started in zip(old[4:], new, strict=True):
        pair, state = SAMPLER.step([kept, started], state)
        made.append(pair)
    fresh = stream(SAMPLER, iter(new), reference(1), seed=5)
    alone = np.concatenate([block.motion_TD for block, _ in fresh])
    np.testing.assert_allclose(
        np.concatenate([pair[1].motion_TD for pair in made]), alone, atol=1e-4
    )
    np.testing.assert_allclose(
        np.concatenate([pair[0].motion_TD for pair in made]), run(old)[40:], atol=1e-4
    )


def test_rows_that_are_fed_again_go_on_together() -> None:
    sampler = MotionSampler(small_model(replace(CONFIG, self_sees=FRAME_CAUSAL)), nfe=3)
    _, state = sampler.step(blocks(10), sampler.begin(reference()[None], [1]))
    with pytest.raises(ValueError, match="together"):
        state.reset(torch.tensor([0]), torch.tensor([5]), torch.from_numpy(reference())[None])


def test_other_seeds_give_other_motion_and_the_same_seed_the_same() -> None:
    conditions = blocks(20)
    assert np.array_equal(run(conditions), run(conditions))
    assert first_difference(run(conditions), run(conditions, seed=2)) == 0


def test_length_is_unlimited_and_the_state_constant_in_size() -> None:
    sampler = MotionSampler(small_model(), 3, Guidance(1.0, 0.0))
    sizes, last = set(), 0.0
    for block, state in stream(sampler, iter(blocks(2000)), reference()):
        sizes.add(len(state.to_bytes()))
        assert np.isfinite(block.motion_TD).all(), block.start_frame
        last = float(np.abs(block.motion_TD).max())
    assert int(state.frame_R[0]) == 2000
    assert max(sizes) - min(sizes) < 64
    assert last < 50


def test_memory_is_filled_and_one_row_per_guidance_row() -> None:
    conditions = blocks(40)
    *_, (_, state) = stream(SAMPLER, iter(conditions), reference(), seed=1)
    memory = state.memory
    assert memory.motion.frames == 40
    assert memory.motion.filled_R.tolist() == [40, 40, 40]
    assert memory.cross.filled_R.tolist() == [2, 2, 2]


def test_only_the_wanted_frames_of_a_padded_block_come_out() -> None:
    last = replace(blocks(10)[0], frames=3)
    (block,), _ = SAMPLER.step([last], SAMPLER.begin(reference()[None], [1]))
    assert block.motion_TD.shape[0] == 3


def test_guidance_of_nothing_equals_a_user_who_is_not_there() -> None:
    """A strength of zero leaves out rows, and gives what the absent user gives with all rows."""
    conditions = blocks(30, user=False)
    fewer = MotionSampler(small_model(), 4, Guidance(avatar_audio=2.0, user=0.0))
    np.testing.assert_allclose(run(conditions), run(conditions, sampler=fewer), atol=1e-4)


def test_a_state_of_other_guidance_is_refused() -> None:
    state = SAMPLER.begin(reference()[None], [1])
    other = MotionSampler(small_model(), 4, Guidance(user=0.0))
    with pytest.raises(ValueError, match="guidance rows"):
        other.step(blocks(10), state)


def test_a_part_of_a_window_is_refused() -> None:
    short = replace(blocks(10)[0], user_audio_TA=np.zeros((7, 12), np.float32))
    with pytest.raises(ValueError, match="shape"):
        SAMPLER.step([short], SAMPLER.begin(reference()[None], [1]))


@pytest.mark.parametrize("data", [b"", b"not a state", b"\x00" * 64])
def test_damaged_states_are_refused(data: bytes) -> None:
    with pytest.raises(WeightsMismatchError):
        StreamState.from_bytes(data)
