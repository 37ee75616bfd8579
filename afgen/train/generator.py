"""The recipe of the `portrait` generator: diffusion forcing on composed conversations."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from afgen.autoencoder.mesh.basis import load_basis
from afgen.autoencoder.mesh.motion import EXPRESSION, MOTION_DIM
from afgen.autoencoder.mesh.topology import EYES, LOWER_LIP_INNER, UPPER_LIP_INNER
from afgen.conditions.logmel import LogMelConfig
from afgen.data.bank import Bank, BankConfig, Windows, build_bank
from afgen.data.variation import VariationConfig, vary
from afgen.generator.config import GeneratorConfig, portrait
from afgen.generator.dual_motion_encoder import ConditionTensors
from afgen.generator.loss import diffusion_forcing_loss
from afgen.generator.model import MotionGenerator
from afgen.generator.weights import save_generator
from afgen.train.checkpoints import chosen_checkpoint, read_checkpoint
from afgen.train.loop import LearningConfig, LoopConfig, Metrics, Part, Player, Task, train


@dataclass(frozen=True, slots=True)
class Presence:
    """Shares of training rows by which conditions they have; the rest has all of them.

    The rows of guidance are drawn often on purpose: dropping each condition with its own coin of
    0.1 would show the model "nothing at all" once in a thousand rows.
    """

    nothing: float = 0.10
    avatar_audio: float = 0.14
    user: float = 0.10
    no_user_motion: float = 0.05
    no_user_audio: float = 0.04


def _portrait() -> GeneratorConfig:
    return dataclasses.replace(portrait(width=160, depth=6, heads=5), condition_width=160)


def _schedule() -> LoopConfig:
    return LoopConfig(steps=11_500, log_every=25, checkpoint_every=250)


def _learning() -> LearningConfig:
    return LearningConfig(learning_rate=1.5e-3, ema_decay=0.998)


@dataclass(frozen=True, slots=True)
class GeneratorRecipe:
    """Everything a training run depends on besides the features; the defaults made the weights."""

    model: GeneratorConfig = field(default_factory=_portrait)
    bank: BankConfig = field(default_factory=BankConfig)
    loop: LoopConfig = field(default_factory=_schedule)
    learning: LearningConfig = field(default_factory=_learning)
    presence: Presence = field(default_factory=Presence)
    variation: VariationConfig = field(default_factory=VariationConfig)
    batch_rows: int = 16
    window_frames: int = 60
    absolute_steps: int = 1500  # with absolute errors to begin with, then squared ones
    difference_weight: float = 1.0  # of the errors' change from frame to frame,
    difference_from: int = 4750  # from this step on
    lip_weight: float = 3.0  # of the most lip-like coefficient, against 1 for those without
    eye_weight: float = 3.0  # the same for lids and irises,
    eye_from: int = 7000  # from this step on
    seed: int = 1

    def fingerprint(self) -> str:
        """Hash of the whole recipe."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


PROVENANCE: Final = {
    "licence": "Apache-2.0",
    "data": "GRID audiovisual sentence corpus, speaker 1 (Cooke, Barker, Cunningham & Shao 2006), "
    "CC BY 4.0; head motion, gaze, blinks, smiles and all listening simulated",
}

_PRESENT: Final = {  # avatar audio, user audio, user motion
    "nothing": (0, 0, 0),
    "avatar_audio": (1, 0, 0),
    "user": (0, 1, 1),
    "no_user_motion": (1, 1, 0),
    "no_user_audio": (1, 0, 1),
}


def train_generator(
    features_dir: Path,
    out_dir: Path,
    recipe: GeneratorRecipe,
    *,
    resume: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> MotionGenerator:
    """Compose the bank, learn, and return the averaged model.

    `out_dir` gets the bank, the log, the checkpoint and `generator.safetensors`. A bank that is
    there is used; with `resume`, learning goes on from the checkpoint.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    bank = build_bank(features_dir, out_dir / "bank", recipe.bank, say=say)
    model = learn(bank, out_dir, recipe, resume=resume, say=say)
    export_generator(out_dir, out_dir / "generator.safetensors", recipe)
    return model


def learn(
    bank: Bank,
    out_dir: Path,
    recipe: GeneratorRecipe,
    *,
    resume: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> MotionGenerator:
    """The part after the bank."""
    torch.manual_seed(recipe.seed)
    model = MotionGenerator(recipe.model)
    without_eyes_D = face_weights(recipe.lip_weight, 1.0)
    with_eyes_D = face_weights(recipe.lip_weight, recipe.eye_weight)

    def loss(module: nn.Module, part: Part) -> tuple[Tensor, Metrics]:
        if not isinstance(module, MotionGenerator):
            raise TypeError("this recipe trains a MotionGenerator")
        weight_D = with_eyes_D if part.step >= recipe.eye_from else without_eyes_D
        return loss_of_windows(module, bank, recipe, weight_D, part), {}

    task = Task([Player("generator", model, loss, recipe.learning)])
    learner = train(task, recipe.loop, out_dir, resume=resume, say=say)
    model.load_state_dict(learner.averages["generator"].state_dict())
    return model


def export_generator(
    run_dir: Path, path: Path, recipe: GeneratorRecipe, *, half: bool = True
) -> str:
    """Write the averaged weights of a run's last checkpoint for the package; the SHA-256.

    `half` stores float16, which loading turns back; measure with the file that is shipped.
    """
    state = read_checkpoint(chosen_checkpoint(run_dir))
    model = MotionGenerator(recipe.model)
    model.load_state_dict(state["players"]["generator"]["average"])
    path.parent.mkdir(parents=True, exist_ok=True)
    return save_generator(
        path,
        model,
        provenance={**PROVENANCE, "recipe": recipe.fingerprint(), "steps": int(state["step"])},
        features=dataclasses.asdict(LogMelConfig()),
        dtype=torch.float16 if half else None,
    )


def loss_of_windows(
    model: MotionGenerator, bank: Bank, recipe: GeneratorRecipe, weight_D: Tensor, part: Part
) -> Tensor:
    """Loss of one part of a step; everything random in it comes from (seed, step, part)."""
    rng = part.rng(recipe.seed)
    windows = bank.windows(rng, recipe.batch_rows, recipe.window_frames)
    windows = varied_voices(windows, rng, recipe.variation)
    present_B3 = draw_presence(rng, recipe.batch_rows, recipe.presence)
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    return diffusion_forcing_loss(
        model,
        torch.from_numpy(windows.motion_BWD),
        torch.from_numpy(windows.reference_BD),
        conditions_of(windows, present_B3),
        dropout=0.0,
        weight_D=weight_D,
        squared=part.step >= recipe.absolute_steps,
        difference_weight=recipe.difference_weight if part.step >= recipe.difference_from else 0.0,
        generator=generator,
    )


def varied_voices(windows: Windows, rng: np.random.Generator, config: VariationConfig) -> Windows:
    """Both voices changed once more, each row its own way."""
    mel = LogMelConfig()
    return dataclasses.replace(
        windows,
        avatar_audio_BWA=vary(windows.avatar_audio_BWA, rng, mel, config),
        user_audio_BWA=vary(windows.user_audio_BWA, rng, mel, config),
    )


def conditions_of(windows: Windows, present_B3: Tensor) -> ConditionTensors:
    """Windows as the model takes them."""
    return ConditionTensors(
        torch.from_numpy(windows.avatar_audio_BWA),
        torch.from_numpy(windows.user_audio_BWA),
        torch.from_numpy(windows.user_motion_BWD),
        present_B3,
    )


def draw_presence(rng: np.random.Generator, rows: int, presence: Presence) -> Tensor:
    """Which conditions each row has, (B, 3) of 1 and 0."""
    names = [each.name for each in dataclasses.fields(presence)]
    shares = [float(getattr(presence, name)) for name in names]
    table = np.array([*(_PRESENT[name] for name in names), (1, 1, 1)], np.float32)
    kind_B = rng.choice(len(table), rows, p=[*shares, 1 - sum(shares)])
    return torch.from_numpy(table[kind_B])


def face_weights(lips: float, eyes: float) -> Tensor:
    """Weight (D,) of each motion dimension, of mean 1.

    1 for what moves neither, up to `lips` and `eyes` for what moves the inner lips or the lids and
    irises most, before all are divided by their mean.
    """
    basis = load_basis()
    fields_KN3 = basis.displacement(np.eye(EXPRESSION.stop - EXPRESSION.start))
    inner_lips = np.concatenate([UPPER_LIP_INNER, LOWER_LIP_INNER])
    eye_points = np.concatenate([points for eye in EYES for points in (eye.upper, eye.iris)])
    weight_D = np.ones(MOTION_DIM)
    for most, points in ((lips, inner_lips), (eyes, eye_points)):
        moved_K = np.linalg.norm(fields_KN3[:, points], axis=-1).mean(axis=1)
        weight_D[EXPRESSION] += (most - 1) * moved_K / moved_K.max()
    return torch.from_numpy((weight_D / weight_D.mean()).astype(np.float32))
