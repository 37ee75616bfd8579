import pytest
import torch

from afgen.generator.flow import block_schedule, noised, target_velocity, updates_in
from afgen.generator.solver import block_noise, euler


def test_ten_evaluations_are_eight_updates_and_a_commit() -> None:
    assert updates_in(10) == 8
    schedule = block_schedule(10, 10)
    assert schedule.time_SF.shape == schedule.step_SF.shape == (8, 10)
    torch.testing.assert_close(schedule.time_SF[:, 3], torch.linspace(1, 0, 9)[:-1])
    torch.testing.assert_close(schedule.step_SF, torch.full((8, 10), -1 / 8))


def test_clean_frames_of_a_schedule_stay_clean() -> None:
    schedule = block_schedule(5, 10, clean_frames=2)
    assert schedule.time_SF.shape == (3, 12)
    assert schedule.time_SF[:, :2].abs().sum() == 0
    torch.testing.assert_close(schedule.step_SF.sum(dim=0), torch.tensor([0.0] * 2 + [-1.0] * 10))


def test_steps_on_a_grid_lead_from_one_of_its_times_to_another() -> None:
    steps = block_schedule(10, 1, grid=1000).step_SF[:, 0] * 999
    assert steps.round(decimals=3).tolist() == [-125, -125, -125, -124, -125, -125, -125, -125]


def test_too_few_evaluations_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 3"):
        updates_in(2)


def test_the_true_velocity_leads_from_noise_to_motion_in_any_order() -> None:
    motion, noise = torch.randn(2, 2, 10, 3, generator=torch.Generator().manual_seed(0))
    late = torch.linspace(1, 0, 10)
    ragged = torch.stack((torch.ones(10), late, late**3, torch.zeros(10)))
    seen = []

    def velocity(x_RFD: torch.Tensor, time_F: torch.Tensor) -> torch.Tensor:
        torch.testing.assert_close(x_RFD, noised(motion, noise, time_F.expand(2, -1)))
        seen.append(time_F)
        return target_velocity(motion, noise)

    made = euler(velocity, noise, ragged[:-1], ragged.diff(dim=0))
    torch.testing.assert_close(made, motion, atol=1e-5, rtol=0)
    assert len(seen) == 3


def test_noise_depends_on_seed_and_block_only() -> None:
    batch = block_noise([3, 5, 3], [0, 7, 1], 10, 4)
    assert torch.equal(batch[1], block_noise([5], [7], 10, 4)[0])
    assert not torch.equal(batch[0], batch[2])
    assert not torch.equal(block_noise([5], [7], 10, 4), block_noise([7], [5], 10, 4))


def test_noise_is_standard_normal() -> None:
    noise = block_noise([1] * 50, range(50), 10, 38)
    assert noise.mean().abs() < 0.03
    assert (noise.std() - 1).abs() < 0.03
