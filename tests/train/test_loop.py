import contextlib
import itertools
import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from afgen.errors import TrainingDivergedError
from afgen.train.loop import LOG, LoopConfig, Metrics, learning_rate_at, train

CONFIG = LoopConfig(
    steps=40, learning_rate=0.3, warmup_steps=5, log_every=1, checkpoint_every=10, ema_decay=0.9
)


def line(seed: int) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(3, 1)


def loss_of_step(model: nn.Module, step: int) -> tuple[Tensor, Metrics]:
    generator = torch.Generator().manual_seed(step)
    x_B3 = torch.randn(16, 3, generator=generator)
    wanted = x_B3 @ torch.tensor([[1.0], [-2.0], [0.5]])
    return (model(x_B3) - wanted).square().mean(), {}


def run(out_dir: Path, steps: int, *, resume: bool = False, seed: int = 0) -> nn.Linear:
    """Steps of the same forty-step schedule, stopped early by an exception as a crash would."""
    model, average = line(seed), line(seed)

    def crashing(module: nn.Module, step: int) -> tuple[Tensor, Metrics]:
        if step >= steps:
            raise KeyboardInterrupt
        return loss_of_step(module, step)

    with contextlib.suppress(KeyboardInterrupt):
        train(model, average, crashing, CONFIG, out_dir, resume=resume)
    return average


def curve(out_dir: Path) -> list[dict[str, float]]:
    return [json.loads(entry) for entry in (out_dir / LOG).read_text().splitlines()]


def test_learning_lowers_the_loss_and_the_average_follows(tmp_path: Path) -> None:
    average = run(tmp_path, 40)
    entries = curve(tmp_path)
    assert [entry["step"] for entry in entries] == list(range(1, 41))
    assert entries[-1]["loss"] < 0.1 * entries[0]["loss"]
    with torch.no_grad():
        loss, _ = loss_of_step(average, 999)
    assert loss < 0.5 * entries[0]["loss"]


def test_a_resumed_run_repeats_the_uninterrupted_one_to_the_last_digit(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", 40)
    run(tmp_path / "broken", 27)  # after the checkpoint of step 20
    assert curve(tmp_path / "broken")[-1]["step"] == 27
    mended = run(tmp_path / "broken", 40, resume=True, seed=1)
    assert curve(tmp_path / "broken") == curve(tmp_path / "whole")
    for name, value in whole.state_dict().items():
        assert torch.equal(value, mended.state_dict()[name])


def test_without_resume_a_run_starts_anew(tmp_path: Path) -> None:
    run(tmp_path, 27)
    run(tmp_path, 30)
    assert [entry["step"] for entry in curve(tmp_path)] == list(range(1, 31))


def test_evaluation_sees_the_average_and_is_logged(tmp_path: Path) -> None:
    model, average = line(0), line(0)
    seen: list[bool] = []

    def evaluate(module: nn.Module) -> Metrics:
        seen.append(module is average and not module.training)
        return {"score": 1.0}

    config = LoopConfig(steps=6, evaluate_every=4, log_every=2, checkpoint_every=6)
    train(model, average, loss_of_step, config, tmp_path, evaluate=evaluate)
    assert seen == [True, True]
    assert [entry["step"] for entry in curve(tmp_path) if "score" in entry] == [4, 6]


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    def broken(module: nn.Module, step: int) -> tuple[Tensor, Metrics]:
        loss, metrics = loss_of_step(module, step)
        return loss * (float("nan") if step == 3 else 1.0), metrics

    with pytest.raises(TrainingDivergedError, match="step 3"):
        train(line(0), line(0), broken, CONFIG, tmp_path)


def test_the_rate_warms_up_and_falls_to_its_end() -> None:
    rates = [learning_rate_at(step, CONFIG) for step in range(CONFIG.steps + 1)]
    assert rates[:5] == pytest.approx([0.06, 0.12, 0.18, 0.24, 0.3])
    assert all(a >= b for a, b in itertools.pairwise(rates[5:]))
    assert rates[-1] == pytest.approx(CONFIG.final_learning_rate)
