"""One training loop that knows no task: it is given a model and the loss of a step.

Everything random in a step must come from (seed, step), which the task sees to by `loss_of_step`.
So a run resumed from a checkpoint repeats the uninterrupted one to the last digit.
"""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from afgen.errors import TrainingDivergedError

CHECKPOINT = "checkpoint.pt"
LOG = "log.jsonl"

Metrics = dict[str, float]
LossOfStep = Callable[[nn.Module, int], tuple[Tensor, Metrics]]
Evaluate = Callable[[nn.Module], Metrics]


@dataclass(frozen=True, slots=True)
class LoopConfig:
    """How long and how fast to learn."""

    steps: int
    learning_rate: float = 1e-3
    final_learning_rate: float = 1e-5
    warmup_steps: int = 200
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.99)
    clip_norm: float = 1.0
    ema_decay: float = 0.999
    log_every: int = 20
    evaluate_every: int = 1000
    checkpoint_every: int = 500


@dataclass(slots=True)
class Learner:
    """All that changes while learning: what a checkpoint holds."""

    model: nn.Module
    average: nn.Module  # exponential moving average of the model's weights
    optimiser: torch.optim.AdamW
    step: int = 0


def learning_rate_at(step: int, config: LoopConfig) -> float:
    """Linear warm-up, then half a cosine down to the final rate."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    done = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    share = 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return config.final_learning_rate + share * (config.learning_rate - config.final_learning_rate)


def train(
    model: nn.Module,
    average: nn.Module,
    loss_of_step: LossOfStep,
    config: LoopConfig,
    out_dir: Path,
    *,
    resume: bool = False,
    evaluate: Evaluate | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Learner:
    """Learn for `config.steps` steps; `average` is a second module of the same shape for the EMA.

    Writes out_dir/log.jsonl and out_dir/checkpoint.pt; with `resume`, goes on from the latter where
    there is one. Raises TrainingDivergedError when the loss is no longer a number.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    learner = _new_learner(model, average, config)
    if resume and (out_dir / CHECKPOINT).exists():
        load_checkpoint(out_dir / CHECKPOINT, learner)
    _cut_log(out_dir / LOG, learner.step)
    started_s, first_step = time.monotonic(), learner.step
    while learner.step < config.steps:
        metrics = _advance(learner, loss_of_step, config)
        last = learner.step == config.steps
        if evaluate is not None and (last or learner.step % config.evaluate_every == 0):
            metrics |= _evaluated(learner, evaluate)
        if last or learner.step % config.log_every == 0:
            _log(out_dir / LOG, {"step": learner.step} | metrics)
            pace_s = (time.monotonic() - started_s) / (learner.step - first_step)
            say(_progress(learner.step, config.steps, pace_s, metrics))
        if last or learner.step % config.checkpoint_every == 0:
            save_checkpoint(out_dir / CHECKPOINT, learner)
    return learner


def _new_learner(model: nn.Module, average: nn.Module, config: LoopConfig) -> Learner:
    average.load_state_dict(model.state_dict())
    average.requires_grad_(False).eval()
    optimiser = torch.optim.AdamW(
        model.parameters(),
        lr=config.learning_rate,
        betas=config.betas,
        weight_decay=config.weight_decay,
    )
    return Learner(model, average, optimiser)


def _advance(learner: Learner, loss_of_step: LossOfStep, config: LoopConfig) -> Metrics:
    """One step of gradient descent and of the moving average."""
    rate = learning_rate_at(learner.step, config)
    for group in learner.optimiser.param_groups:
        group["lr"] = rate
    learner.model.train()
    loss, metrics = loss_of_step(learner.model, learner.step)
    if not math.isfinite(loss.item()):
        raise TrainingDivergedError(f"the loss of step {learner.step} is {loss.item()}")
    learner.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    norm = nn.utils.clip_grad_norm_(learner.model.parameters(), config.clip_norm)
    learner.optimiser.step()
    _follow(learner, config.ema_decay)
    learner.step += 1
    return {"loss": loss.item(), "rate": rate, "gradient": float(norm)} | metrics


@torch.no_grad()
def _follow(learner: Learner, decay: float) -> None:
    """Move the average towards the model; faster in the beginning."""
    decay = min(decay, (1 + learner.step) / (10 + learner.step))
    pairs = zip(
        learner.average.state_dict().values(), learner.model.state_dict().values(), strict=True
    )
    for mean, value in pairs:
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)


def _evaluated(learner: Learner, evaluate: Evaluate) -> Metrics:
    learner.average.eval()
    with torch.no_grad():
        return evaluate(learner.average)


def save_checkpoint(path: Path, learner: Learner) -> None:
    """Write everything that changes; an interruption leaves the previous file whole."""
    state = {
        "step": learner.step,
        "model": learner.model.state_dict(),
        "average": learner.average.state_dict(),
        "optimiser": learner.optimiser.state_dict(),
    }
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    temporary.replace(path)


def load_checkpoint(path: Path, learner: Learner) -> None:
    """Put a saved state back in place."""
    state = torch.load(path, weights_only=True)
    learner.step = int(state["step"])
    learner.model.load_state_dict(state["model"])
    learner.average.load_state_dict(state["average"])
    learner.optimiser.load_state_dict(state["optimiser"])


def _log(path: Path, entry: Mapping[str, float]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def _cut_log(path: Path, step: int) -> None:
    """Drop entries after `step`, which a resumed run is about to repeat."""
    if not path.exists():
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["step"] <= step]
    path.write_text("".join(kept), encoding="utf-8")


def _progress(step: int, steps: int, pace_s: float, metrics: Metrics) -> str:
    left_s = round((steps - step) * pace_s)
    shown = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
    return f"step {step}/{steps}  {left_s // 60}:{left_s % 60:02d} left  {shown}"
