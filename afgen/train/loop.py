"""One training loop that knows no task: it is given players, their losses, and how long to learn.

A task has one player or several. A player is a network, how it learns, and what it tries to make
small; in every step the players move in turn, each while the others stand still. Most tasks have
one player. An adversarial one has two: the networks of the others are seen by a loss because the
task that built them closes over them.

A step's batch is made of parts: as many as processes times `accumulate`. The loss of a part is a
function of (step, part) alone, so a run that was killed and resumed repeats the uninterrupted one
to the last digit, and two processes repeat one that accumulates two parts to the last digit.
"""

import copy
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from afgen.errors import OptionError, TrainingDivergedError
from afgen.train.checkpoints import last_checkpoint, read_checkpoint, write_best, write_checkpoint
from afgen.train.checkpoints import written as checkpoints_in
from afgen.train.distributed import ALONE, World
from afgen.train.log import RunLog

SAMPLES = "samples"

Metrics = dict[str, float]


@dataclass(frozen=True, slots=True)
class Part:
    """One share of a step's batch: what a loss is asked for."""

    step: int
    index: int = 0

    def rng(self, seed: int) -> np.random.Generator:
        """What everything random in this part's loss is drawn from, the choice of data included."""
        return np.random.default_rng((seed, self.step, self.index))


LossOfPart = Callable[[nn.Module, Part], tuple[Tensor, Metrics]]
Averages = Mapping[str, nn.Module]
Evaluate = Callable[[Averages], Metrics]
Sample = Callable[[Averages, Path], None]


@dataclass(frozen=True, slots=True)
class LearningConfig:
    """How one network learns."""

    learning_rate: float = 1e-3
    final_learning_rate: float = 1e-5
    warmup_steps: int = 200
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.99)
    clip_norm: float = 1.0
    ema_decay: float = 0.999  # 0: the average is the network itself


@dataclass(frozen=True, slots=True)
class LoopConfig:
    """How long to learn, in which precision, and what to do every so many steps (0: never)."""

    steps: int
    accumulate: int = 1  # parts of a step that each process computes one after another
    precision: Literal["float32", "bfloat16"] = "float32"  # bfloat16: autocast, weights stay float
    seed: int = 1
    log_every: int = 20
    evaluate_every: int = 1000
    sample_every: int = 1000
    checkpoint_every: int = 500
    keep: int = 3  # of the last checkpoints
    watch: str = "loss"  # the evaluated figure that decides what is best; lower is better
    patience: int = 0  # evaluations without a better one after which to stop; 0: any number
    tensorboard: bool = False


@dataclass(frozen=True, slots=True)
class Player:
    """A network of a task, how it learns, and its loss over one part of a step's batch."""

    name: str
    model: nn.Module
    loss: LossOfPart
    learning: LearningConfig
    rates: Mapping[str, float] = field(default_factory=dict)  # shares of the rate, by name's start


@dataclass(frozen=True, slots=True)
class Task:
    """What is learned. `evaluate` and `sample` are given the averages, by player's name."""

    players: Sequence[Player]
    evaluate: Evaluate | None = None
    sample: Sample | None = None  # writes files into the folder it is given
    provenance: Mapping[str, Any] = field(default_factory=dict)  # plain data, into checkpoints


@dataclass(slots=True)
class Seat:
    """What changes about one player while learning."""

    player: Player
    average: nn.Module  # exponential moving average of the network
    parameters: list[nn.Parameter]  # those that learn
    shares: list[float]  # of the rate, for each of the optimiser's groups
    optimiser: torch.optim.AdamW

    def may_learn(self, now: bool) -> None:
        """Whether gradients reach the parameters; what the task froze stays frozen."""
        for parameter in self.parameters:
            parameter.requires_grad_(now)


@dataclass(slots=True)
class Learner:
    """All that changes while learning: what a checkpoint holds."""

    seats: list[Seat]
    step: int = 0
    best: float = math.inf
    worse: int = 0  # evaluations since the best one

    @property
    def averages(self) -> dict[str, nn.Module]:
        """The averaged networks by player's name."""
        return {seat.player.name: seat.average for seat in self.seats}


def train(
    task: Task,
    config: LoopConfig,
    run_dir: Path,
    *,
    resume: bool = False,
    world: World = ALONE,
    say: Callable[[str], None] = lambda line: None,
) -> Learner:
    """Learn for `config.steps` steps, or until evaluations have not become better for long enough.

    Writes run_dir/log.jsonl, checkpoints/, best.pt and what the task samples under samples/; with
    `resume`, goes on from the last checkpoint where there is one. Raises OptionError where there is
    one and `resume` is not asked for, and TrainingDivergedError when a loss is no longer a number.
    """
    learner = _begun(task, run_dir, resume)
    world.wait()  # nobody may read what the first one is about to change
    log = RunLog(run_dir, learner.step, tensorboard=config.tensorboard) if world.leads else None
    started_s, first_step = time.monotonic(), learner.step
    while learner.step < config.steps and not _has_enough(learner, config):
        metrics = _step(learner, config, world)
        figures = _evaluated(learner, task, config, run_dir, world)
        if log is None:
            continue
        if figures or _due(learner.step, config.log_every, config):
            log.add(learner.step, metrics | figures)
            pace_s = (time.monotonic() - started_s) / (learner.step - first_step)
            say(_progress(learner.step, config.steps, pace_s, metrics | figures))
        _keep(learner, task, config, run_dir)
    if log is not None:
        log.close()
    world.wait()
    return learner


def learning_rate_at(step: int, steps: int, config: LearningConfig) -> float:
    """Linear warm-up, then half a cosine down to the final rate."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    done = (step - config.warmup_steps) / max(1, steps - config.warmup_steps)
    share = 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return config.final_learning_rate + share * (config.learning_rate - config.final_learning_rate)


def _begun(task: Task, run_dir: Path, resume: bool) -> Learner:
    """A new learner, or the one that the last checkpoint holds."""
    learner = Learner([_seat(player) for player in task.players])
    if checkpoints_in(run_dir):
        if not resume:
            raise OptionError(
                f"there is a run in {run_dir} already.",
                hint="Go on with it by --resume, or choose another folder.",
            )
        put_back(read_checkpoint(last_checkpoint(run_dir)), learner)
    run_dir.mkdir(parents=True, exist_ok=True)
    return learner


def seed_of(*place: int) -> int:
    """A seed for torch from the numbers of a place in a run, such as (seed, step, part)."""
    return int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _seat(player: Player) -> Seat:
    average = copy.deepcopy(player.model).requires_grad_(False).eval()
    learning = player.learning
    groups = _by_share(player)
    optimiser = torch.optim.AdamW(
        [{"params": members} for members in groups.values()],
        lr=learning.learning_rate,
        betas=learning.betas,
        weight_decay=learning.weight_decay,
    )
    parameters = [one for members in groups.values() for one in members]
    return Seat(player, average, parameters, list(groups), optimiser)


def _by_share(player: Player) -> dict[float, list[nn.Parameter]]:
    """The parameters that learn, by their share of the learning rate."""
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in player.model.named_parameters():
        if parameter.requires_grad:
            share = math.prod(
                rate for start, rate in player.rates.items() if name.startswith(start)
            )
            groups.setdefault(share, []).append(parameter)
    return groups


def _step(learner: Learner, config: LoopConfig, world: World) -> Metrics:
    """Every player's move."""
    metrics: Metrics = {}
    for seat in learner.seats:
        for other in learner.seats:
            other.player.model.train()
            other.may_learn(other is seat)
        told = _move(seat, learner.step, config, world)
        prefix = "" if seat is learner.seats[0] else f"{seat.player.name}."
        metrics |= {prefix + name: value for name, value in told.items()}
    learner.step += 1
    return metrics


def _move(seat: Seat, step: int, config: LoopConfig, world: World) -> Metrics:
    """One step of gradient descent and of the moving average for one player."""
    learning = seat.player.learning
    rate = learning_rate_at(step, config.steps, learning)
    for group, share in zip(seat.optimiser.param_groups, seat.shares, strict=True):
        group["lr"] = rate * share
    seat.optimiser.zero_grad(set_to_none=True)
    metrics = _descended(seat, step, config, world)
    norm = float(nn.utils.clip_grad_norm_(seat.parameters, learning.clip_norm))
    for what, value in (("loss", metrics["loss"]), ("gradient", norm)):
        if not math.isfinite(value):
            raise TrainingDivergedError(
                f"the {what} of the {seat.player.name} at step {step} is {value}"
            )
    seat.optimiser.step()
    _follow(seat, step, learning.ema_decay)
    return {"loss": metrics.pop("loss"), "rate": rate, "gradient": norm} | metrics


def _descended(seat: Seat, step: int, config: LoopConfig, world: World) -> Metrics:
    """Gradients of the whole batch in place; the figures' means over it."""
    count = world.size * config.accumulate
    total: Metrics = {}
    for index in range(world.rank * config.accumulate, (world.rank + 1) * config.accumulate):
        torch.manual_seed(seed_of(config.seed, step, index))
        with torch.autocast(
            world.device.type, torch.bfloat16, enabled=config.precision == "bfloat16"
        ):
            loss, metrics = seat.player.loss(seat.player.model, Part(step, index))
        (loss / count).backward()  # type: ignore[no-untyped-call]
        for name, value in {"loss": loss.item(), **metrics}.items():
            total[name] = total.get(name, 0.0) + value / count
    world.add_gradients(seat.parameters)
    figures = torch.tensor(list(total.values()), dtype=torch.float64, device=world.device)
    return dict(zip(total, world.total(figures).tolist(), strict=True))


@torch.no_grad()
def _follow(seat: Seat, step: int, decay: float) -> None:
    """Move the average towards the network; faster in the beginning."""
    decay = min(decay, (1 + step) / (10 + step))
    pairs = zip(
        seat.average.state_dict().values(), seat.player.model.state_dict().values(), strict=True
    )
    for mean, value in pairs:
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)


def _evaluated(
    learner: Learner, task: Task, config: LoopConfig, run_dir: Path, world: World
) -> Metrics:
    """Figures of the averages if due, the same in all processes; the best state is kept."""
    if task.evaluate is None or not _due(learner.step, config.evaluate_every, config):
        return {}
    told: Metrics = {}
    if world.leads:
        with torch.no_grad():
            told = task.evaluate(learner.averages)
    told = world.agreed(told)
    watched = told.get(config.watch, math.inf)
    learner.worse = 0 if watched < learner.best else learner.worse + 1
    if watched < learner.best:
        learner.best = watched
        if world.leads:
            write_best(run_dir, state_of(learner, task.provenance))
    return {f"evaluated.{name}": value for name, value in told.items()}


def _keep(learner: Learner, task: Task, config: LoopConfig, run_dir: Path) -> None:
    """Samples, then the checkpoint, whenever they are due."""
    sampling = config.sample_every > 0 and _due(learner.step, config.sample_every, config)
    if task.sample is not None and sampling:
        folder = run_dir / SAMPLES / f"step-{learner.step:08d}"
        folder.mkdir(parents=True, exist_ok=True)
        with torch.no_grad():
            task.sample(learner.averages, folder)
    if _due(learner.step, config.checkpoint_every, config) or _has_enough(learner, config):
        state = state_of(learner, task.provenance)
        write_checkpoint(run_dir, learner.step, state, keep=config.keep)


def _due(step: int, every: int, config: LoopConfig) -> bool:
    return step == config.steps or (every > 0 and step % every == 0)


def _has_enough(learner: Learner, config: LoopConfig) -> bool:
    return 0 < config.patience <= learner.worse


def state_of(learner: Learner, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that changes, and where it comes from, as a checkpoint holds it."""
    players = {
        seat.player.name: {
            "model": seat.player.model.state_dict(),
            "average": seat.average.state_dict(),
            "optimiser": seat.optimiser.state_dict(),
        }
        for seat in learner.seats
    }
    return {
        "step": learner.step,
        "best": learner.best,
        "worse": learner.worse,
        "players": players,
        "provenance": json.loads(json.dumps(dict(provenance))),  # plain, or it cannot be read
    }


def put_back(state: Mapping[str, Any], learner: Learner) -> None:
    """The inverse of `state_of`."""
    learner.step, learner.best, learner.worse = state["step"], state["best"], state["worse"]
    for seat in learner.seats:
        saved = state["players"][seat.player.name]
        seat.player.model.load_state_dict(saved["model"])
        seat.average.load_state_dict(saved["average"])
        seat.optimiser.load_state_dict(saved["optimiser"])


def _progress(step: int, steps: int, pace_s: float, metrics: Metrics) -> str:
    left_s = round((steps - step) * pace_s)
    shown = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
    return f"step {step}/{steps}  {left_s // 60}:{left_s % 60:02d} left  {shown}"
