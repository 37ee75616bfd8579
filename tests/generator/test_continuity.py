import numpy as np
import pytest
import torch

from afgen.generator.continuity import AS_DRAWN, Continuity, continued
from afgen.generator.stream import MotionSampler, stream
from tests.generator.small import CONFIG, blocks, reference, small_model

BOTH = Continuity(seam_frames=6, smooth_dims=2)
GOING = torch.tensor([True, False])


def line(start: int, frames: int) -> torch.Tensor:
    """Two recordings of three dimensions that move straight ahead."""
    place = torch.arange(start, start + frames, dtype=torch.float32)[:, None]
    return (place * torch.tensor([0.1, -0.2, 0.3])).expand(2, -1, -1)


def test_nothing_is_changed_unless_asked_for() -> None:
    motion = torch.randn(2, 10, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(continued(motion, line(0, 2), GOING, AS_DRAWN), motion)


def test_what_is_straight_stays_straight() -> None:
    torch.testing.assert_close(continued(line(2, 10), line(0, 2), GOING, BOTH), line(2, 10))


def test_a_step_fades_over_its_frames_where_the_recording_goes_on() -> None:
    stepped = line(2, 10) + 5
    joined = continued(stepped, line(0, 2), GOING, Continuity(seam_frames=6))
    torch.testing.assert_close(joined[0, 0], line(2, 10)[0, 0])
    assert (joined[0, 1:6] < stepped[0, 1:6]).all()
    torch.testing.assert_close(joined[0, 6:], stepped[0, 6:])
    torch.testing.assert_close(joined[1], stepped[1])


def test_only_the_leading_dimensions_are_smoothed() -> None:
    noise = torch.randn(2, 10, 3, generator=torch.Generator().manual_seed(0))
    smooth = continued(noise, line(0, 2), GOING, Continuity(smooth_dims=2))
    assert torch.equal(smooth[..., 2], noise[..., 2])
    jerk, jerk_before = (x[..., :2].diff(n=2, dim=1).abs().mean() for x in (smooth, noise))
    assert jerk < 0.5 * jerk_before


@pytest.mark.parametrize("cut", [1, 4])
def test_a_stream_with_joints_is_causal_and_resumes(cut: int) -> None:
    sampler = MotionSampler(small_model(), 3, continuity=BOTH)
    one, other = blocks(60), blocks(60, seed=7)

    def run(conditions: list, **how: object) -> tuple[np.ndarray, list]:
        made = list(stream(sampler, conditions, reference(), **how))
        return np.concatenate([block.motion_TD for block, _ in made]), [state for _, state in made]

    whole, states = run(one)
    changed, _ = run(one[:cut] + other[cut:])
    assert np.flatnonzero((whole != changed).any(axis=1))[0] == 10 * cut
    assert np.array_equal(run(one[cut:], state=states[cut - 1])[0], whole[10 * cut :])
    assert whole.shape == (60, CONFIG.motion_dim)
