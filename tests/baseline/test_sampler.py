"""Windows after one another: they continue, resume, and do not mind their company."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from afgen.baseline.sampler import WindowSampler
from afgen.baseline.state import WindowState
from afgen.errors import WeightsMismatchError
from afgen.generator.continuity import Continuity
from afgen.generator.guidance import Guidance
from afgen.signals import Conditions
from tests.baseline.small import CONFIG, reference, small_model, windows

SAMPLER = WindowSampler(small_model(), nfe=4)
T = CONFIG.window_frames


def run(
    conditions: list[Conditions],
    *,
    seed: int = 1,
    sampler: WindowSampler = SAMPLER,
    state: WindowState | None = None,
) -> tuple[np.ndarray, WindowState]:
    state = state or sampler.begin(reference()[None], [seed])
    parts = []
    for window in conditions:
        (block,), state = sampler.step([window], state)
        parts.append(block.motion_TD)
    return np.concatenate(parts), state


def changed(one_TD: np.ndarray, other_TD: np.ndarray) -> list[int]:
    return np.flatnonzero((one_TD != other_TD).any(axis=1)).tolist()


def test_a_later_window_changes_nothing_and_an_earlier_frame_of_the_same_does() -> None:
    one, other = windows(3), windows(3, seed=7)
    before, _ = run(one)
    assert before.shape == (3 * T, CONFIG.motion_dim)
    after, _ = run([one[0], other[1], one[2]])
    assert changed(before, after) == list(range(T, 3 * T))
    late = one[1].user_audio_TA.copy()
    late[-1] += 1
    after, _ = run([one[0], replace(one[1], user_audio_TA=late), one[2]])
    assert changed(before, after)[0] == T, "the last frame of a window is heard at its first"


def test_the_users_motion_is_not_seen() -> None:
    conditions = windows(2)
    blind = [replace(window, user_motion_TD=None) for window in conditions]
    assert np.array_equal(run(conditions)[0], run(blind)[0])


def test_a_window_goes_on_from_the_motion_and_the_sounds_before_it() -> None:
    conditions = windows(2)
    _, state = run(conditions[:1])
    assert state.frame_R.tolist() == [T]
    whole, _ = run(conditions[1:], state=state)
    for name in ("context_RKD", "avatar_audio_RKA", "user_audio_RKA"):
        other = replace(state, **{name: getattr(state, name) + 1})
        assert changed(whole, run(conditions[1:], state=other)[0])[0] == 0, name


def test_the_context_is_the_end_of_the_window_before() -> None:
    conditions = windows(2)
    made, state = run(conditions)
    keep = CONFIG.context_frames
    assert np.array_equal(state.context_RKD[0].numpy(), made[-keep:])
    assert np.array_equal(state.user_audio_RKA[0].numpy(), conditions[1].user_audio_TA[-keep:])


def test_a_recording_begins_without_a_context() -> None:
    state = SAMPLER.begin(reference()[None], [1])
    noisy = replace(
        state, context_RKD=state.context_RKD + 1, user_audio_RKA=state.user_audio_RKA + 1
    )
    np.testing.assert_allclose(
        run(windows(1), state=state)[0], run(windows(1), state=noisy)[0], atol=1e-5
    )


def test_joints_are_evened_out_when_asked_for() -> None:
    """Where windows are drawn apart, the step from one to the next is faded out."""
    joined = replace(SAMPLER, continuity=Continuity(seam_frames=4))
    step = []
    for sampler in (SAMPLER, joined):
        made, _ = run(windows(4), sampler=sampler)
        second_TD = np.abs(np.diff(made, n=2, axis=0))  # how much the speed changes
        step.append(np.mean([second_TD[joint - 1] for joint in (T - 1, 2 * T - 1, 3 * T - 1)]))
    assert step[1] < 0.7 * step[0]


def test_rows_in_a_batch_equal_rows_alone() -> None:
    """To 1e-4: matrix products of other sizes add up in another order."""
    recordings = [windows(3), windows(3, seed=1, user=False), windows(3, seed=2)]
    state = SAMPLER.begin(np.stack([reference()] * 3), [11, 12, 13])
    batched: list[list[np.ndarray]] = [[], [], []]
    for conditions in zip(*recordings, strict=True):
        made, state = SAMPLER.step(conditions, state)
        for row, block in zip(batched, made, strict=True):
            row.append(block.motion_TD)
    for row, (conditions, seed) in enumerate(zip(recordings, (11, 12, 13), strict=True)):
        alone, _ = run(conditions, seed=seed)
        np.testing.assert_allclose(np.concatenate(batched[row]), alone, atol=1e-4)


def test_a_row_can_start_another_recording_beside_the_others() -> None:
    old, new = windows(4), windows(2, seed=3)
    state = SAMPLER.begin(np.stack([reference()] * 2), [1, 2])
    for window in old[:2]:
        _, state = SAMPLER.step([window, window], state)
    state = state.reset(torch.tensor([1]), torch.tensor([5]), torch.from_numpy(reference())[None])
    made = []
    for kept, started in zip(old[2:], new, strict=True):
        pair, state = SAMPLER.step([kept, started], state)
        made.append(pair)
    for row, alone in enumerate((run(old)[0][2 * T :], run(new, seed=5)[0])):
        joined = np.concatenate([pair[row].motion_TD for pair in made])
        np.testing.assert_allclose(joined, alone, atol=1e-4)


@pytest.mark.parametrize("context_noise", [0.0, 0.1])
def test_resumed_equals_uninterrupted_bit_for_bit(context_noise: float) -> None:
    sampler, conditions = replace(SAMPLER, context_noise=context_noise), windows(4)
    whole, _ = run(conditions, sampler=sampler)
    _, state = run(conditions[:2], sampler=sampler)
    restored = WindowState.from_bytes(state.to_bytes())
    rest, _ = run(conditions[2:], sampler=sampler, state=restored)
    assert np.array_equal(rest, whole[2 * T :])


def test_a_kept_state_is_not_changed_by_going_on() -> None:
    conditions = windows(2)
    _, state = run(conditions[:1])
    assert np.array_equal(run(conditions[1:], state=state)[0], run(conditions[1:], state=state)[0])


def test_noise_is_of_the_seed_and_the_window() -> None:
    same = [windows(1)[0]] * 2
    made, state = run(same)
    assert np.array_equal(made, run(same)[0])
    assert len(changed(made, run(same, seed=2)[0])) == 2 * T
    again = replace(state, frame_R=state.frame_R + T)
    assert len(changed(run(same, state=state)[0], run(same, state=again)[0])) == 2 * T


def test_guidance_of_nothing_equals_a_user_who_is_not_there() -> None:
    conditions = windows(2, user=False)
    fewer = replace(SAMPLER, guidance=Guidance(avatar_audio=2.0, user=0.0))
    np.testing.assert_allclose(run(conditions)[0], run(conditions, sampler=fewer)[0], atol=1e-4)


def test_guidance_makes_the_voices_count_for_more() -> None:
    other = [replace(window, user_audio_TA=-window.user_audio_TA) for window in windows(1)]
    moved = [
        np.abs(run(windows(1), sampler=sampler)[0] - run(other, sampler=sampler)[0]).mean()
        for sampler in (replace(SAMPLER, guidance=Guidance(1.0, user)) for user in (0.0, 1.0, 3.0))
    ]
    assert moved[0] == 0
    assert moved[2] > 1.5 * moved[1] > 0


def test_only_the_wanted_frames_of_a_padded_window_come_out() -> None:
    made, _ = run([replace(windows(1)[0], frames=3)])
    assert made.shape[0] == 3


def test_a_part_of_a_window_is_refused() -> None:
    short = replace(windows(1)[0], user_audio_TA=np.zeros((7, 12), np.float32))
    with pytest.raises(ValueError, match="shape"):
        run([short])


@pytest.mark.parametrize("data", [b"", b"not a state", b"\x00" * 64])
def test_damaged_states_are_refused(data: bytes) -> None:
    with pytest.raises(WeightsMismatchError):
        WindowState.from_bytes(data)
