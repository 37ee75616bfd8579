import math

import pytest
import torch

from afgen.generator.loss import (
    block_times,
    diffusion_forcing_loss,
    dropped,
    flow_errors,
    preference_loss,
)
from tests.generator.small import CONFIG, small_model, tensors


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_time_is_shared_inside_a_block_and_independent_across() -> None:
    time_BT = block_times(400, 50, 10, generator=random())
    blocks = time_BT.view(400, 5, 10)
    assert torch.equal(blocks, blocks[..., :1].expand_as(blocks))
    correlation = torch.corrcoef(blocks[..., 0].T)
    assert (correlation - torch.eye(5)).abs().max() < 0.2
    assert abs(float(time_BT.mean()) - 0.5) < 0.05


def test_each_condition_is_dropped_on_its_own() -> None:
    conditions, reference = tensors(10, rows=2000), torch.ones(2000, CONFIG.motion_dim)
    kept, reference = dropped(conditions, reference, generator=random())
    rates = torch.cat((kept.present_B3, reference[:, :1]), dim=1).mean(dim=0)
    assert (rates - 0.9).abs().max() < 0.03
    both = (1 - kept.present_B3[:, 0]) * (1 - kept.present_B3[:, 1])
    assert abs(float(both.mean()) - 0.01) < 0.01


def test_loss_is_repeatable_weighted_and_trains_every_parameter() -> None:
    model, motion = small_model(), torch.randn(4, 50, CONFIG.motion_dim, generator=random(1))
    reference, conditions = motion[:, 0], tensors(50, rows=4)

    def loss(weight: float = 1.0) -> torch.Tensor:
        return diffusion_forcing_loss(
            model,
            motion,
            reference,
            conditions,
            weight_D=torch.full((CONFIG.motion_dim,), weight),
            weight_BT=torch.ones(4, 50),
            generator=random(),
        )

    assert torch.equal(loss(), loss())
    torch.testing.assert_close(loss(2.0), 2 * loss())
    gradients = torch.autograd.grad(loss(), list(model.parameters()))
    names = [name for name, _ in model.named_parameters()]
    assert not [n for n, g in zip(names, gradients, strict=True) if g.abs().sum() == 0]


def test_a_perfect_model_has_no_loss() -> None:
    """With motion and noise known, the right answer costs nothing."""
    motion = torch.randn(3, 50, CONFIG.motion_dim, generator=random(2))

    class Oracle(torch.nn.Module):
        config = CONFIG

        def forward(self, noisy: torch.Tensor, time: torch.Tensor, *_: object) -> torch.Tensor:
            noise = (noisy - (1 - time[..., None]) * motion) / time[..., None]
            return noise - motion

    loss = diffusion_forcing_loss(
        Oracle(), motion, motion[:, 0], tensors(50, rows=3), generator=random()
    )
    assert loss < 1e-3


def test_preference_is_log_two_without_a_difference_and_falls_with_the_winner() -> None:
    ones = torch.ones(5)

    def loss(winner: float, loser: float) -> float:
        return float(
            preference_loss(
                winner_B=winner * ones,
                winner_reference_B=ones,
                loser_B=loser * ones,
                loser_reference_B=ones,
            )
        )

    assert loss(1, 1) == pytest.approx(0.6931, abs=1e-4)
    assert loss(0.999, 1.001) == pytest.approx(0.1269, abs=1e-3)  # log(1 + e^-2)
    assert loss(1.001, 0.999) == pytest.approx(2.1269, abs=1e-3)


def test_preference_is_the_papers_formula_with_its_gradient() -> None:
    """By hand, for one row: m = (w - w_ref) - (l - l_ref), L = log(1 + e^(beta m))."""
    names = ("winner_B", "winner_reference_B", "loser_B", "loser_reference_B")
    values = dict(zip(names, (0.3012, 0.3, 0.4987, 0.5), strict=True))
    margin = (0.3012 - 0.3) - (0.4987 - 0.5)
    errors = {name: torch.tensor([value], dtype=torch.float64) for name, value in values.items()}
    errors["winner_B"].requires_grad_()
    loss = preference_loss(**errors, beta=1000.0)
    loss.backward()
    assert loss.item() == pytest.approx(math.log1p(math.exp(1000 * margin)), rel=1e-9)
    falls = 1000 / (1 + math.exp(-1000 * margin))  # beta sigmoid(beta m)
    assert errors["winner_B"].grad is not None
    assert errors["winner_B"].grad.item() == pytest.approx(falls, rel=1e-9)


def test_flow_errors_are_the_rows_distances_to_the_velocity() -> None:
    """Of a model that answers zero, the error is the mean size of noise less motion."""

    class Still(torch.nn.Module):
        config = CONFIG

        def forward(self, noisy: torch.Tensor, *_: object) -> torch.Tensor:
            return torch.zeros_like(noisy)

    motion, noise = (torch.randn(3, 20, CONFIG.motion_dim, generator=random(n)) for n in (0, 1))
    errors_B = flow_errors(
        Still(), motion, noise, torch.rand(3, 20), motion[:, 0], tensors(20, rows=3)
    )
    torch.testing.assert_close(errors_B, (noise - motion).abs().mean(dim=(1, 2)))
