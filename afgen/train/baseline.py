"""The recipe of the baseline INFP*: the generator's data, schedule and weights, windows of 3 s."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from afgen.baseline.config import BaselineConfig, beside
from afgen.baseline.guider import Voices
from afgen.baseline.loss import window_loss
from afgen.baseline.model import WindowGenerator
from afgen.baseline.weights import save_baseline
from afgen.conditions.logmel import LogMelConfig
from afgen.data.bank import Bank, BankConfig, build_bank
from afgen.data.variation import VariationConfig
from afgen.train.checkpoints import chosen_checkpoint, read_checkpoint
from afgen.train.generator import (
    PROVENANCE,
    GeneratorRecipe,
    Presence,
    draw_presence,
    face_weights,
    varied_voices,
)
from afgen.train.loop import LearningConfig, LoopConfig, Metrics, Part, Player, Task, train

PLAYER = "baseline"
SIDE_BY_SIDE = GeneratorRecipe()  # what the baseline is compared with


@dataclass(frozen=True, slots=True)
class BaselineRecipe:
    """Everything a training run depends on besides the clips.

    Whatever the generator's recipe has too is as there, so that the two differ by what they see.
    """

    model: BaselineConfig = field(default_factory=lambda: beside(SIDE_BY_SIDE.model))
    bank: BankConfig = SIDE_BY_SIDE.bank
    loop: LoopConfig = SIDE_BY_SIDE.loop
    learning: LearningConfig = SIDE_BY_SIDE.learning
    presence: Presence = SIDE_BY_SIDE.presence
    variation: VariationConfig = SIDE_BY_SIDE.variation
    batch_rows: int = SIDE_BY_SIDE.batch_rows
    absolute_steps: int = SIDE_BY_SIDE.absolute_steps
    difference_weight: float = SIDE_BY_SIDE.difference_weight
    difference_from: int = SIDE_BY_SIDE.difference_from
    lip_weight: float = SIDE_BY_SIDE.lip_weight
    eye_weight: float = SIDE_BY_SIDE.eye_weight
    eye_from: int = SIDE_BY_SIDE.eye_from
    begin_share: float = 0.15  # of windows that are made without a context
    context_noise: float = 0.1  # at most; a context that was generated is not exact
    seed: int = SIDE_BY_SIDE.seed

    def fingerprint(self) -> str:
        """Hash of the whole recipe."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


def train_baseline(
    shards_dir: Path,
    out_dir: Path,
    recipe: BaselineRecipe,
    *,
    resume: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> WindowGenerator:
    """Compose the bank, learn, and return the averaged model.

    `out_dir` gets the bank, the log, the checkpoints and `baseline.safetensors`. A bank that is
    there is used; with `resume`, learning goes on from the last checkpoint.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    bank = build_bank(shards_dir, out_dir / "bank", recipe.bank, say=say)
    model = learn(bank, out_dir, recipe, resume=resume, say=say)
    export_baseline(out_dir, out_dir / "baseline.safetensors", recipe)
    return model


def learn(
    bank: Bank,
    out_dir: Path,
    recipe: BaselineRecipe,
    *,
    resume: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> WindowGenerator:
    """The part after the bank."""
    torch.manual_seed(recipe.seed)
    model = WindowGenerator(recipe.model)
    without_eyes_D = face_weights(recipe.lip_weight, 1.0)
    with_eyes_D = face_weights(recipe.lip_weight, recipe.eye_weight)

    def loss(module: nn.Module, part: Part) -> tuple[Tensor, Metrics]:
        if not isinstance(module, WindowGenerator):
            raise TypeError("this recipe trains a WindowGenerator")
        weight_D = with_eyes_D if part.step >= recipe.eye_from else without_eyes_D
        return loss_of_windows(module, bank, recipe, weight_D, part), {}

    task = Task([Player(PLAYER, model, loss, recipe.learning)])
    learner = train(task, recipe.loop, out_dir, resume=resume, say=say)
    model.load_state_dict(learner.averages[PLAYER].state_dict())
    return model


def export_baseline(run_dir: Path, path: Path, recipe: BaselineRecipe, *, half: bool = True) -> str:
    """Write the averaged weights of a run for measuring; the SHA-256.

    `half` stores float16, as the generator's are, which loading turns back.
    """
    state = read_checkpoint(chosen_checkpoint(run_dir))
    model = WindowGenerator(recipe.model)
    model.load_state_dict(state["players"][PLAYER]["average"])
    path.parent.mkdir(parents=True, exist_ok=True)
    return save_baseline(
        path,
        model,
        provenance={**PROVENANCE, "recipe": recipe.fingerprint(), "steps": int(state["step"])},
        features=dataclasses.asdict(LogMelConfig()),
        dtype=torch.float16 if half else None,
    )


def loss_of_windows(
    model: WindowGenerator, bank: Bank, recipe: BaselineRecipe, weight_D: Tensor, part: Part
) -> Tensor:
    """Loss of one part of a step; everything random in it comes from (seed, step, part)."""
    rng = part.rng(recipe.seed)
    windows = bank.windows(rng, recipe.batch_rows, model.config.fed_frames)
    windows = varied_voices(windows, rng, recipe.variation)
    present_B3 = draw_presence(rng, recipe.batch_rows, recipe.presence)
    begins_B = rng.random(recipe.batch_rows) < recipe.begin_share
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    voices = Voices(
        torch.from_numpy(windows.avatar_audio_BWA),
        torch.from_numpy(windows.user_audio_BWA),
        present_B3[:, :2],
    )
    return window_loss(
        model,
        torch.from_numpy(windows.motion_BWD),
        torch.from_numpy(windows.reference_BD),
        voices,
        torch.from_numpy(np.asarray(begins_B)),
        context_noise=recipe.context_noise,
        weight_D=weight_D,
        squared=part.step >= recipe.absolute_steps,
        difference_weight=recipe.difference_weight if part.step >= recipe.difference_from else 0.0,
        generator=generator,
    )
