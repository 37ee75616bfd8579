from dataclasses import replace

import numpy as np
import pytest
import torch

from afgen.generator.config import released
from afgen.generator.rows import join, split, step_rows
from afgen.generator.stream import MotionSampler, stream
from tests.generator.small import CONFIG, blocks, reference, small_model

RELEASED = released(
    motion_dim=CONFIG.motion_dim, audio_dim=CONFIG.audio_dim, condition_width=16, width=32,
    depth=2, heads=4,
)  # fmt: skip


def alone(sampler: MotionSampler, frames: int, seed: int) -> np.ndarray:
    made = stream(sampler, blocks(frames, seed), reference(seed), seed=seed)
    return np.concatenate([block.motion_TD for block, _ in made])


def test_rows_that_join_and_leave_give_what_they_give_alone() -> None:
    """Recordings of 5, 2 and 3 blocks; the third starts when the second has ended."""
    sampler = MotionSampler(small_model(), nfe=3)
    todo = {1: blocks(50, 1), 2: blocks(20, 2), 3: blocks(30, 3)}
    states = {seed: sampler.begin(reference(seed)[None], [seed]) for seed in todo}
    made: dict[int, list[np.ndarray]] = {seed: [] for seed in todo}
    running = [1, 2]
    while running:
        steps = step_rows(sampler, [todo[s].pop(0) for s in running], [states[s] for s in running])
        for seed, (block, state) in zip(running, steps, strict=True):
            made[seed].append(block.motion_TD)
            states[seed] = state
        running = [s for s in (1, 2, 3) if todo[s] and (s != 3 or not todo[2])]
    for seed, frames in ((1, 50), (2, 20), (3, 30)):
        np.testing.assert_allclose(
            np.concatenate(made[seed]), alone(sampler, frames, seed), atol=1e-5, err_msg=str(seed)
        )


def test_a_model_that_feeds_clean_frames_again_can_begin_beside_others() -> None:
    sampler = MotionSampler(small_model(replace(RELEASED, first_frames=10)), nfe=3)
    todo = {1: blocks(30, 1), 2: blocks(20, 2)}
    states = {seed: sampler.begin(reference(seed)[None], [seed]) for seed in todo}
    (first,) = step_rows(sampler, [todo[1].pop(0)], [states[1]])
    states[1] = first[1]
    made = {1: [first[0].motion_TD], 2: []}
    for _ in range(2):
        steps = step_rows(sampler, [todo[s].pop(0) for s in (1, 2)], [states[1], states[2]])
        for seed, (block, state) in zip((1, 2), steps, strict=True):
            made[seed].append(block.motion_TD)
            states[seed] = state
    for seed, frames in ((1, 30), (2, 20)):
        np.testing.assert_allclose(
            np.concatenate(made[seed]), alone(sampler, frames, seed), atol=1e-5, err_msg=str(seed)
        )


def test_splitting_undoes_joining() -> None:
    sampler = MotionSampler(small_model(), nfe=3)
    states = []
    for seed in (1, 2, 3):
        *_, (_, state) = stream(sampler, blocks(20, seed), reference(seed), seed=seed)
        states.append(state)
    joined = join(states)
    assert joined.rows == 3
    for before, after in zip(states, split(joined), strict=True):
        assert after.to_bytes() == before.to_bytes()


def test_rows_of_different_windows_are_not_joined() -> None:
    sampler = MotionSampler(small_model(RELEASED), nfe=3)
    state = sampler.begin(reference()[None], [0])
    overlapping = replace(state, overlap_ROD=torch.zeros(1, 2, CONFIG.motion_dim))
    with pytest.raises(ValueError, match="clean frames"):
        join([state, overlapping])
