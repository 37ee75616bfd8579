"""Stage 1, the generator's diffusion forcing: recipes of both families, and the run.

Shape letters: B rows, W frames of a window, D motion.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import numpy as np
import torch
from torch import Tensor, nn

from afgen.autoencoder.mesh.basis import load_basis
from afgen.autoencoder.mesh.motion import EXPRESSION, MOTION_DIM
from afgen.autoencoder.mesh.topology import EYES, LOWER_LIP_INNER, UPPER_LIP_INNER
from afgen.checkpoint import Checkpoint, load_checkpoint
from afgen.clock import BLOCK_FRAMES
from afgen.conditions.logmel import LogMelConfig
from afgen.conditions.wav2vec2.config import Wav2Vec2Config
from afgen.data.bank import BankConfig, Windows
from afgen.data.dyads import Family
from afgen.data.shards import open_shards
from afgen.data.variation import VariationConfig, vary
from afgen.generator.config import FRAME_CAUSAL, MASKS, GeneratorConfig, full, portrait
from afgen.generator.dual_motion_encoder import ConditionTensors
from afgen.generator.loss import DROPOUT, diffusion_forcing_loss
from afgen.generator.model import MotionGenerator
from afgen.generator.weights import save_generator
from afgen.train.checkpoints import chosen_checkpoint, read_checkpoint
from afgen.train.distributed import ALONE, World
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
EVALUATED_PARTS: Final = 8  # batches of held-out windows
_EVALUATED_FROM: Final = 1 << 40  # their steps: none that is ever learned from

MaskName = Literal["released", "paper-equation", "paper-figure", "block"]


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


EVERYTHING: Final = Presence(0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class ForcingConfig:
    """A step of diffusion forcing: its windows, what they hear, how errors are weighed."""

    batch_rows: int = 16  # of each part of a step
    window_frames: int = 60
    presence: Presence = field(default_factory=Presence)
    dropout: float = 0.0  # of each condition and of the reference, besides `presence`
    variation: VariationConfig = field(default_factory=VariationConfig)  # of log-mel voices
    absolute_steps: int = 1500  # with absolute errors to begin with, then squared ones
    difference_weight: float = 1.0  # of the errors' change from frame to frame,
    difference_from: int = 4750  # from this step on
    lip_weight: float = 3.0  # of the most lip-like coefficient, against 1 for those without
    eye_weight: float = 3.0  # the same for lids and irises,
    eye_from: int = 7000  # from this step on


PAPER_FORCING: Final = ForcingConfig(
    batch_rows=8,
    window_frames=50,
    presence=EVERYTHING,
    dropout=DROPOUT,
    absolute_steps=2_000_000,
    difference_weight=0.0,
    lip_weight=1.0,
    eye_weight=1.0,
)
"""As the paper trains, section 4 and its appendix: absolute errors throughout, nothing weighed."""


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

_PRESENT: Final = {  # avatar audio, user audio, user motion
    "nothing": (0, 0, 0),
    "avatar_audio": (1, 0, 0),
    "user": (0, 1, 1),
    "no_user_motion": (1, 1, 0),
    "no_user_audio": (1, 0, 1),
}


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
    state = read_checkpoint(chosen_checkpoint(run_dir))
    model = MotionGenerator(settings.network)
    model.load_state_dict(state["players"][GENERATOR]["average"])
    path.parent.mkdir(parents=True, exist_ok=True)
    return save_generator(
        path,
        model,
        provenance={**state["provenance"], "steps": int(state["step"])},
        features=features_config(settings.data.family),
        dtype=torch.float16 if half else None,
    )


def features_config(family: Family) -> dict[str, object]:
    """What a checkpoint says of the features its generator heard; see `features_from`."""
    if family == "mesh":
        return dataclasses.asdict(LogMelConfig())
    return {"kind": "wav2vec2", "mode": "whole", "wav2vec2": dataclasses.asdict(Wav2Vec2Config())}


@dataclass(frozen=True, slots=True)
class Forcing:
    """Steps of diffusion forcing, ready to be taken.

    `early_D` and `late_D` weigh the motion's dimensions before and after `config.eye_from`; None
    where nothing is known of what a dimension moves, as in the latents of a network.
    """

    config: ForcingConfig
    family: Family
    seed: int
    early_D: Tensor | None
    late_D: Tensor | None

    @classmethod
    def of(
        cls, config: ForcingConfig, family: Family, seed: int, device: torch.device | str
    ) -> "Forcing":
        """With the weights that the family knows, on `device`."""
        if family != "mesh":
            return cls(config, family, seed, None, None)
        early_D = face_weights(config.lip_weight, 1.0).to(device)
        late_D = face_weights(config.lip_weight, config.eye_weight).to(device)
        return cls(config, family, seed, early_D, late_D)

    def weights(self, step: int) -> Tensor | None:
        """Weights of the dimensions at a step."""
        return self.late_D if step >= self.config.eye_from else self.early_D

    def squared(self, step: int) -> bool:
        """Whether errors are squared at a step."""
        return step >= self.config.absolute_steps

    def difference_weight(self, step: int) -> float:
        """What the change of errors from frame to frame counts for at a step."""
        return self.config.difference_weight if step >= self.config.difference_from else 0.0

    def windows(self, material: Material, rng: np.random.Generator) -> Windows:
        """The windows of one part, voices varied where they are log-mel."""
        windows = material.windows(rng, self.config.batch_rows, self.config.window_frames)
        if self.family != "mesh":
            return windows
        return varied_voices(windows, rng, self.config.variation)

    def loss(
        self,
        model: MotionGenerator,
        material: Material,
        part: Part,
        *,
        counted_as: int | None = None,
    ) -> Tensor:
        """Loss of one part of a step; everything random in it comes from (seed, step, part).

        `counted_as` weighs the errors as in another step.
        """
        step = part.step if counted_as is None else counted_as
        rng = part.rng(self.seed)
        windows = self.windows(material, rng)
        present_B3 = draw_presence(rng, self.config.batch_rows, self.config.presence)
        device = next(model.parameters()).device
        return diffusion_forcing_loss(
            model,
            torch.from_numpy(windows.motion_BWD).to(device),
            torch.from_numpy(windows.reference_BD).to(device),
            conditions_of(windows, present_B3, device),
            dropout=self.config.dropout,
            weight_D=self.weights(step),
            squared=self.squared(step),
            difference_weight=self.difference_weight(step),
            generator=torch.Generator().manual_seed(int(rng.integers(2**62))),
        )

    def held_out_loss(self, model: MotionGenerator, held_out: Material, last_step: int) -> float:
        """Mean loss on what is kept out, counted as at the end of learning."""
        return held_out_mean(
            lambda part: self.loss(model, held_out, part, counted_as=last_step).item()
        )


def held_out_mean(loss_of: Callable[[Part], float]) -> float:
    """Mean loss of the same windows every time, none of which is ever learned from."""
    parts = (Part(_EVALUATED_FROM + number) for number in range(EVALUATED_PARTS))
    return float(np.mean([loss_of(part) for part in parts]))


def varied_voices(windows: Windows, rng: np.random.Generator, config: VariationConfig) -> Windows:
    """Both voices changed once more, each row its own way."""
    mel = LogMelConfig()
    return dataclasses.replace(
        windows,
        avatar_audio_BWA=vary(windows.avatar_audio_BWA, rng, mel, config),
        user_audio_BWA=vary(windows.user_audio_BWA, rng, mel, config),
    )


def conditions_of(
    windows: Windows, present_B3: Tensor, device: torch.device | str = "cpu"
) -> ConditionTensors:
    """Windows as the model takes them; what a recording lacks is not there."""
    return ConditionTensors(
        torch.from_numpy(windows.avatar_audio_BWA).to(device),
        torch.from_numpy(windows.user_audio_BWA).to(device),
        torch.from_numpy(windows.user_motion_BWD).to(device),
        (present_B3 * torch.from_numpy(windows.has_B3)).to(device),
    )


def draw_presence(rng: np.random.Generator, rows: int, presence: Presence) -> Tensor:
    """Which conditions each row has, (B, 3) of 1 and 0."""
    names = [each.name for each in dataclasses.fields(presence)]
    shares = [float(getattr(presence, name)) for name in names]
    table = np.array([*(_PRESENT[name] for name in names), (1, 1, 1)], np.float32)
    kind_B = rng.choice(len(table), rows, p=[*shares, 1 - sum(shares)])
    return torch.from_numpy(table[kind_B])


def as_generator(module: nn.Module) -> MotionGenerator:
    """The module, known to be one. Raises TypeError otherwise."""
    if not isinstance(module, MotionGenerator):
        raise TypeError("these recipes train a MotionGenerator")
    return module


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
