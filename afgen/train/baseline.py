"""The recipe of the baseline INFP*: the generator's data, schedule and weights, windows of 3 s."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from afgen.baseline.config import BaselineConfig, beside
from afgen.baseline.guider import Voices
from afgen.baseline.loss import window_loss
from afgen.baseline.model import WindowGenerator
from afgen.baseline.weights import save_baseline
from afgen.data.bank import BankConfig
from afgen.data.shards import open_shards
from afgen.train.checkpoints import chosen_checkpoint, read_checkpoint
from afgen.train.distributed import ALONE, World
from afgen.train.generator import (
    Forcing,
    ForcingConfig,
    GeneratorRecipe,
    draw_presence,
    features_config,
)
from afgen.train.loop import LearningConfig, LoopConfig, Metrics, Part, Player, Task, train
from afgen.train.material import DataConfig, Material, gather, origin_of
from afgen.train.recipe import Recipe, claim

PLAYER: Final = "baseline"
WEIGHTS: Final = "baseline.safetensors"
SIDE_BY_SIDE: Final = GeneratorRecipe()  # what the baseline is compared with


def _forcing(model: BaselineConfig) -> ForcingConfig:
    return dataclasses.replace(SIDE_BY_SIDE.forcing, window_frames=model.fed_frames)


@dataclass(frozen=True, slots=True)
class BaselineRecipe:
    """Everything a training run depends on besides the shards.

    Whatever the generator's recipe has too is as there, so that the two differ by what they see.
    """

    model: BaselineConfig = field(default_factory=lambda: beside(SIDE_BY_SIDE.model))
    data: DataConfig = SIDE_BY_SIDE.data
    bank: BankConfig = SIDE_BY_SIDE.bank
    forcing: ForcingConfig = field(default_factory=lambda: _forcing(BaselineConfig()))
    begin_share: float = 0.15  # of windows that are made without a context
    context_noise: float = 0.1  # at most; a context that was generated is not exact
    learning: LearningConfig = SIDE_BY_SIDE.learning
    loop: LoopConfig = SIDE_BY_SIDE.loop

    def __post_init__(self) -> None:
        if self.forcing.window_frames != self.model.fed_frames:
            raise ValueError("forcing.window_frames are those of the context and the window")


RECIPES: Final = (
    Recipe(
        "infp", "baseline", "INFP* beside `portrait`, on the same conversations", BaselineRecipe()
    ),
)


def train_baseline(
    shards_dir: Path,
    run_dir: Path,
    recipe: Recipe[BaselineRecipe],
    *,
    resume: bool = False,
    world: World = ALONE,
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Gather what is learned from, learn, and write the averaged model; its path.

    `run_dir` gets the same as that of `train_generator`, and raises as that.
    """
    if world.leads:
        claim(run_dir, recipe)
    settings = recipe.settings
    material, _ = gather(shards_dir, run_dir, settings.data, settings.bank, world=world, say=say)
    origin = recipe.provenance(data=origin_of(open_shards(shards_dir)))
    task = baseline_task(settings, material, device=world.device, provenance=origin)
    train(task, settings.loop, run_dir, resume=resume, world=world, say=say)
    path = run_dir / WEIGHTS
    if world.leads:
        export_baseline(run_dir, path, settings)
    return path


def baseline_task(
    settings: BaselineRecipe,
    material: Material,
    *,
    device: torch.device | str = "cpu",
    provenance: dict[str, object] | None = None,
) -> Task:
    """One player."""
    torch.manual_seed(settings.loop.seed)
    model = WindowGenerator(settings.model).to(device)
    forcing = Forcing.of(settings.forcing, settings.data.family, settings.loop.seed, device)

    def loss(module: nn.Module, part: Part) -> tuple[Tensor, Metrics]:
        if not isinstance(module, WindowGenerator):
            raise TypeError("this recipe trains a WindowGenerator")
        return loss_of_windows(module, material, settings, forcing, part), {}

    player = Player(PLAYER, model, loss, settings.learning)
    return Task([player], provenance=provenance or {})


def export_baseline(
    run_dir: Path, path: Path, settings: BaselineRecipe, *, half: bool = True
) -> str:
    """Write the averaged weights of a run for measuring; the SHA-256.

    `half` stores float16, as the generator's are, which loading turns back.
    """
    state = read_checkpoint(chosen_checkpoint(run_dir))
    model = WindowGenerator(settings.model)
    model.load_state_dict(state["players"][PLAYER]["average"])
    path.parent.mkdir(parents=True, exist_ok=True)
    return save_baseline(
        path,
        model,
        provenance={**state["provenance"], "steps": int(state["step"])},
        features=features_config(settings.data.family),
        dtype=torch.float16 if half else None,
    )


def loss_of_windows(
    model: WindowGenerator,
    material: Material,
    settings: BaselineRecipe,
    forcing: Forcing,
    part: Part,
) -> Tensor:
    """Loss of one part of a step; everything random in it comes from (seed, step, part)."""
    rng, rows = part.rng(forcing.seed), forcing.config.batch_rows
    windows = forcing.windows(material, rng)
    present_B3 = draw_presence(rng, rows, forcing.config.presence)
    present_B3 = present_B3 * torch.from_numpy(windows.has_B3)
    begins_B = rng.random(rows) < settings.begin_share
    device = next(model.parameters()).device
    voices = Voices(
        torch.from_numpy(windows.avatar_audio_BWA).to(device),
        torch.from_numpy(windows.user_audio_BWA).to(device),
        present_B3[:, :2].to(device),
    )
    return window_loss(
        model,
        torch.from_numpy(windows.motion_BWD).to(device),
        torch.from_numpy(windows.reference_BD).to(device),
        voices,
        torch.from_numpy(np.asarray(begins_B)).to(device),
        context_noise=settings.context_noise,
        weight_D=forcing.weights(part.step),
        squared=forcing.squared(part.step),
        difference_weight=forcing.difference_weight(part.step),
        generator=torch.Generator().manual_seed(int(rng.integers(2**62))),
    )
