"""Closed forms, and the penalty against gradients taken one by one."""

import math

import torch
from torch import nn

from afgen.train.losses.adversarial import drawing_loss, judging_loss, r1_penalty


def test_a_judge_that_knows_nothing_costs_a_bit_each() -> None:
    undecided = [torch.zeros(4), torch.zeros(4)]
    torch.testing.assert_close(drawing_loss(undecided), torch.tensor(math.log(2)))
    torch.testing.assert_close(judging_loss(undecided, undecided), torch.tensor(2 * math.log(2)))


def test_losses_are_minus_log_probabilities() -> None:
    real, drawn = torch.tensor([2.0]), torch.tensor([-1.0])
    probability = torch.sigmoid(drawn)
    torch.testing.assert_close(drawing_loss([drawn]), -probability.log()[0])
    torch.testing.assert_close(
        judging_loss([real], [drawn]), -(real.sigmoid().log() + (1 - probability).log())[0]
    )


def test_the_penalty_is_half_the_squared_gradient_of_each_row() -> None:
    torch.manual_seed(0)
    judge = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 36, 1))
    pictures = torch.randn(5, 3, 8, 8)
    by_row = []
    for picture in pictures:
        single = picture[None].clone().requires_grad_()
        judge(single).sum().backward()
        assert single.grad is not None
        by_row.append(0.5 * single.grad.square().sum())
    together = pictures.clone().requires_grad_()
    penalty = r1_penalty(judge(together)[:, 0], together)
    torch.testing.assert_close(penalty, torch.stack(by_row).mean())


def test_the_penalty_of_a_plane_is_known_and_can_be_differentiated() -> None:
    slope = torch.tensor([3.0, -4.0], requires_grad=True)
    points = torch.zeros(2, 2, 1, 1, requires_grad=True)
    penalty = r1_penalty(points.flatten(1) @ slope, points)
    assert penalty.item() == 12.5
    (gradient,) = torch.autograd.grad(penalty, slope)
    torch.testing.assert_close(gradient, slope.detach())
