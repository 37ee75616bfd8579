"""A task of milliseconds: learn a line from made points. Also a program of its own.

python -m tests.train.toy FOLDER [options]   one process, or several under torchrun's variables
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from afgen.train.distributed import ALONE, World, joined
from afgen.train.loop import (
    Averages,
    Learner,
    LearningConfig,
    LoopConfig,
    Metrics,
    Part,
    Player,
    Task,
    train,
)

LEARNING = LearningConfig(learning_rate=0.3, warmup_steps=5, ema_decay=0.9)
CONFIG = LoopConfig(steps=40, log_every=1, checkpoint_every=10)


def line(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))


def points(part: Part, rows: int = 16) -> tuple[Tensor, Tensor]:
    x_B3 = torch.from_numpy(part.rng(7).standard_normal((rows, 3), "float32"))
    return x_B3, x_B3 @ torch.tensor([[1.0], [-2.0], [0.5]])


def loss_of_part(model: nn.Module, part: Part) -> tuple[Tensor, Metrics]:
    """With noise from torch's own generator, as a dropout layer would draw."""
    x_B3, wanted_B1 = points(part)
    trembling_B1 = 0.01 * torch.randn(wanted_B1.shape)
    told_B1 = model(x_B3)
    return (told_B1 - wanted_B1 - trembling_B1).square().mean(), {"size": told_B1.std().item()}


def score(averages: Averages) -> Metrics:
    x_B3, wanted_B1 = points(Part(999_999))
    return {"loss": (averages["line"](x_B3) - wanted_B1).square().mean().item()}


def task(seed: int = 0, loss: Callable[..., tuple[Tensor, Metrics]] = loss_of_part) -> Task:
    return Task([Player("line", line(seed), loss, LEARNING)], evaluate=score)


def learned(run_dir: Path, config: LoopConfig = CONFIG, world: World = ALONE) -> Learner:
    return train(task(), config, run_dir, resume=True, world=world)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("run_dir", type=Path)
    options.add_argument("--steps", type=int, default=40)
    options.add_argument("--accumulate", type=int, default=1)
    options.add_argument("--pause-s", type=float, default=0.0)
    given = options.parse_args()
    torch.set_num_threads(1)
    config = LoopConfig(
        steps=given.steps, accumulate=given.accumulate, log_every=1, checkpoint_every=7
    )

    def slow(model: nn.Module, part: Part) -> tuple[Tensor, Metrics]:
        time.sleep(given.pause_s)
        return loss_of_part(model, part)

    with joined("cpu") as world:
        train(task(loss=slow), config, given.run_dir, resume=True, world=world)


if __name__ == "__main__":
    main()
