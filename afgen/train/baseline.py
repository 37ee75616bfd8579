"""The recipe of the baseline INFP*: the generator's data, schedule and weights, windows of 3 s."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
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
from afgen.train.checkpoints import averaged
from afgen.train.distributed import ALONE, World
from afgen.train.forcing import Forcing, ForcingConfig, draw_presence, held_out_mean
from afgen.train.generator import RECIPES as GENERATOR_RECIPES
from afgen.train.generator import GeneratorRecipe, features_config
from afgen.train.loop import (
    Averages,
    LearningConfig,
    LoopConfig,
    Metrics,
    Part,
    Player,
    Task,
    train,
)
from afgen.train.material import DataConfig, Material, gather, origin_of
from afgen.train.recipe import Recipe, claim, find

PLAYER: Final = "baseline"
WEIGHTS: Final = "baseline.safetensors"


@dataclass(frozen=True, slots=True)
class BaselineRecipe:
    """Everything a training run depends on besides the shards."""

    model: BaselineConfig
    data: DataConfig
    bank: BankConfig
    forcing: ForcingConfig
    learning: LearningConfig
    loop: LoopConfig
    begin_share: float = 0.15  # of windows that are made without a context
    context_noise: float = 0.1  # at most; a context that was generated is not exact

    def __post_init__(self) -> None:
        if self.forcing.window_frames != self.model.fed_frames:
            raise ValueError("forcing.window_frames are those of the context and the window")


def compared_with(generator: GeneratorRecipe) -> BaselineRecipe:
    """The recipe that has all it can have in common with a generator's.

    The two then differ by what their models see, and by the length of the windows that takes.
    """
    model = beside(generator.model)
    return BaselineRecipe(
        model=model,
        data=generator.data,
        bank=generator.bank,
        forcing=dataclasses.replace(generator.forcing, window_frames=model.fed_frames),
        learning=generator.learning,
        loop=generator.loop,
    )


RECIPES: Final = tuple(
    Recipe(
        name,
        "baseline",
        f"INFP* beside `{other}`, from the same material",
        compared_with(find(other, GENERATOR_RECIPES).settings),
    )
    for name, other in (("infp", "portrait"), ("infp-full", "avatar-forcing"))
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
    material, held_out = gather(
        shards_dir, run_dir, settings.data, settings.bank, world=world, say=say
    )
    origin = recipe.provenance(data=origin_of(open_shards(shards_dir)))
    task = baseline_task(settings, material, held_out, device=world.device, provenance=origin)
    train(task, settings.loop, run_dir, resume=resume, world=world, say=say)
    path = run_dir / WEIGHTS
    if world.leads:
        export_baseline(run_dir, path, settings)
    return path


def baseline_task(
    settings: BaselineRecipe,
    material: Material,
    held_out: Material,
    *,
    device: torch.device | str = "cpu",
    provenance: dict[str, object] | None = None,
) -> Task:
    """One player, evaluated by its loss on what is kept out."""
    torch.manual_seed(settings.loop.seed)
    model = WindowGenerator(settings.model).to(device)
    forcing = Forcing.of(settings.forcing, settings.data.family, settings.loop.seed, device)
    last = settings.loop.steps

    def loss(module: nn.Module, part: Part) -> tuple[Tensor, Metrics]:
        return loss_of_windows(_as_baseline(module), material, settings, forcing, part), {}

    def evaluate(averages: Averages) -> Metrics:
        model = _as_baseline(averages[PLAYER])

        def loss_of(part: Part) -> float:
            return loss_of_windows(model, held_out, settings, forcing, part, counted_as=last).item()

        return {"loss": held_out_mean(loss_of)}

    player = Player(PLAYER, model, loss, settings.learning)
    return Task([player], evaluate=evaluate, provenance=provenance or {})


def export_baseline(
    run_dir: Path, path: Path, settings: BaselineRecipe, *, half: bool = True
) -> str:
    """Write the averaged weights of a run's best checkpoint, its last without one; the SHA-256.

    `half` stores float16, as the generator's are, which loading turns back.
    """
    weights, provenance = averaged(run_dir, PLAYER)
    model = WindowGenerator(settings.model)
    model.load_state_dict(weights)
    path.parent.mkdir(parents=True, exist_ok=True)
    return save_baseline(
        path,
        model,
        provenance=provenance,
        features=features_config(settings.data.family),
        dtype=torch.float16 if half else None,
    )


def loss_of_windows(
    model: WindowGenerator,
    material: Material,
    settings: BaselineRecipe,
    forcing: Forcing,
    part: Part,
    *,
    counted_as: int | None = None,
) -> Tensor:
    """Loss of one part of a step; everything random in it comes from (seed, step, part).

    `counted_as` weighs the errors as in another step.
    """
    step = part.step if counted_as is None else counted_as
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
        dropout=forcing.config.dropout,
        weight_D=forcing.weights(step),
        squared=forcing.squared(step),
        difference_weight=forcing.difference_weight(step),
        generator=torch.Generator().manual_seed(int(rng.integers(2**62))),
    )


def _as_baseline(module: nn.Module) -> WindowGenerator:
    """The module, known to be one. Raises TypeError otherwise."""
    if not isinstance(module, WindowGenerator):
        raise TypeError("these recipes train a WindowGenerator")
    return module
