"""Stage 1, the generator's diffusion forcing: recipes of both families, and the run."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import torch
from torch import Tensor, nn

from afgen.checkpoint import Checkpoint, load_checkpoint
from afgen.clock import BLOCK_FRAMES
from afgen.conditions.logmel import LogMelConfig
from afgen.conditions.wav2vec2.config import Wav2Vec2Config
from afgen.data.bank import BankConfig
from afgen.data.dyads import Family
from afgen.data.shards import open_shards
from afgen.generator.config import FRAME_CAUSAL, MASKS, GeneratorConfig, full, portrait
from afgen.generator.model import MotionGenerator
from afgen.generator.weights import save_generator
from afgen.train.checkpoints import averaged
from afgen.train.distributed import ALONE, World
from afgen.train.forcing import PAPER_FORCING, Forcing, ForcingConfig
from afgen.train.given import check_fit, remembered, trainable
from afgen.train.loop import (
    Averages,
    LearningConfig,
    LoopConfig,
    Metrics,
    Part,
    Player,
    Sample,
    Task,
    train,
)
from afgen.train.material import DataConfig, Material, gather, origin_of
from afgen.train.recipe import Recipe, claim

GENERATOR: Final = "generator"
WEIGHTS: Final = "generator.safetensors"

MaskName = Literal["released", "paper-equation", "paper-figure", "block"]


def _portrait() -> GeneratorConfig:
    return dataclasses.replace(portrait(width=160, depth=6, heads=5), condition_width=160)


def _full() -> GeneratorConfig:
    """The paper's sizes and masks, but for what cannot be streamed.

    Released, the dual motion encoder sees all of a training window, its future too, and the first
    window is one of 50 frames. Here it sees as far as the self-attention does, from 10 frames on.
    """
    return dataclasses.replace(full(), dual_sees=FRAME_CAUSAL, first_frames=BLOCK_FRAMES)


@dataclass(frozen=True, slots=True)
class GeneratorRecipe:
    """Everything a training run depends on besides the shards."""

    model: GeneratorConfig = field(default_factory=_portrait)
    mask: MaskName | None = None  # of the self-attention by name; none: as the model has it
    data: DataConfig = field(default_factory=DataConfig)
    bank: BankConfig = field(default_factory=BankConfig)
    forcing: ForcingConfig = field(default_factory=ForcingConfig)
    learning: LearningConfig = field(
        default_factory=lambda: LearningConfig(learning_rate=1.5e-3, ema_decay=0.998)
    )
    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(steps=11_500, log_every=25, checkpoint_every=250)
    )

    @property
    def network(self) -> GeneratorConfig:
        """The model under the mask that was chosen."""
        if self.mask is None:
            return self.model
        return dataclasses.replace(self.model, self_sees=MASKS[self.mask])


RECIPES: Final = (
    Recipe("portrait", "generator", "the embedded default, on a CPU overnight", GeneratorRecipe()),
    Recipe(
        "avatar-forcing",
        "generator",
        "the paper's size on latents and wav2vec2 rows, on GPUs",
        GeneratorRecipe(
            model=_full(),
            data=DataConfig(family="lia", real_share=1.0),
            forcing=PAPER_FORCING,
            learning=LearningConfig(
                learning_rate=1e-4, final_learning_rate=1e-4, ema_decay=0.9999, betas=(0.9, 0.999)
            ),
            loop=LoopConfig(
                steps=2_000_000,
                precision="bfloat16",
                log_every=100,
                evaluate_every=10_000,
                sample_every=50_000,
                checkpoint_every=5000,
            ),
        ),
    ),
)


def train_generator(
    shards_dir: Path,
    run_dir: Path,
    recipe: Recipe[GeneratorRecipe],
    *,
    begin: Path | None = None,
    resume: bool = False,
    world: World = ALONE,
    sample: Sample | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Gather what is learned from, learn, and write the averaged model; its path.

    Learning begins with the weights of the file `begin`, or with random ones. `run_dir` gets the
    recipe, composed conversations, the log, checkpoints, samples and `generator.safetensors`. With
    `resume`, learning goes on from the last checkpoint.

    Raises OptionError where the folder holds another run, WeightsError for `begin`,
    FileMissingError, ShardsError, TrainingDivergedError.
    """
    shards, settings = open_shards(shards_dir), recipe.settings
    begun = None if begin is None else load_checkpoint(begin)
    if begun is not None:
        check_fit(begun, settings.network, features_config(settings.data.family))
    began = remembered(run_dir, begun)
    if world.leads:
        claim(run_dir, recipe)
    material, held_out = gather(
        shards_dir, run_dir, settings.data, settings.bank, world=world, say=say
    )
    task = generator_task(
        settings,
        material,
        held_out,
        begun=begun,
        device=world.device,
        sample=sample,
        provenance=recipe.provenance(data=origin_of(shards), **began),
    )
    train(task, settings.loop, run_dir, resume=resume, world=world, say=say)
    path = run_dir / WEIGHTS
    if world.leads:
        export_generator(run_dir, path, settings)
    return path


def generator_task(
    settings: GeneratorRecipe,
    material: Material,
    held_out: Material,
    *,
    begun: Checkpoint | None = None,
    device: torch.device | str = "cpu",
    sample: Sample | None = None,
    provenance: dict[str, object] | None = None,
) -> Task:
    """One player, beginning as `begun` or at random, evaluated by its loss on what is kept out."""
    torch.manual_seed(settings.loop.seed)
    model = MotionGenerator(settings.network) if begun is None else trainable(begun)
    model.to(device)
    forcing = Forcing.of(settings.forcing, settings.data.family, settings.loop.seed, device)

    def loss(module: nn.Module, part: Part) -> tuple[Tensor, Metrics]:
        return forcing.loss(as_generator(module), material, part), {}

    def evaluate(averages: Averages) -> Metrics:
        model = as_generator(averages[GENERATOR])
        return {"loss": forcing.held_out_loss(model, held_out, settings.loop.steps)}

    player = Player(GENERATOR, model, loss, settings.learning)
    return Task([player], evaluate=evaluate, sample=sample, provenance=provenance or {})


def export_generator(
    run_dir: Path, path: Path, settings: GeneratorRecipe, *, half: bool = True
) -> str:
    """Write the averaged weights of a run's best checkpoint, its last without one; the SHA-256.

    `half` stores float16, which loading turns back; measure with the file that is shipped.
    """
    weights, provenance = averaged(run_dir, GENERATOR)
    model = MotionGenerator(settings.network)
    model.load_state_dict(weights)
    path.parent.mkdir(parents=True, exist_ok=True)
    return save_generator(
        path,
        model,
        provenance=provenance,
        features=features_config(settings.data.family),
        dtype=torch.float16 if half else None,
    )


def features_config(family: Family) -> dict[str, object]:
    """What a checkpoint says of the features its generator heard; see `features_from`."""
    if family == "mesh":
        return dataclasses.asdict(LogMelConfig())
    return {"kind": "wav2vec2", "mode": "whole", "wav2vec2": dataclasses.asdict(Wav2Vec2Config())}


def as_generator(module: nn.Module) -> MotionGenerator:
    """The module, known to be one. Raises TypeError otherwise."""
    if not isinstance(module, MotionGenerator):
        raise TypeError("these recipes train a MotionGenerator")
    return module
