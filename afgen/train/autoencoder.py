"""The recipe of the motion latent autoencoder: one frame of a clip drawn from another.

LIA's task with FLOAT's losses: a source frame is made to do what a target frame of the same clip
does, through z_S + m (paper section 4.1). Two players: the autoencoder, and the discriminator that
judges what it draws.

Shape letters: B rows, C channels, H and W pixels, R regions, D latent, K directions.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from afgen.autoencoder.lia.config import LiaConfig
from afgen.autoencoder.lia.network import LiaNetwork
from afgen.autoencoder.lia.weights import save_autoencoder
from afgen.data.faces import FaceShards, FramePair, FramePairs, face_clips, kept_apart
from afgen.data.shards import open_shards
from afgen.media.images import save_png
from afgen.signals import Image
from afgen.train.beginning import hear_motion, untrained_network
from afgen.train.checkpoints import averaged
from afgen.train.discriminator import Discriminator, DiscriminatorConfig
from afgen.train.distributed import ALONE, World
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
from afgen.train.losses.adversarial import drawing_loss, judging_loss
from afgen.train.losses.perceptual import Features
from afgen.train.losses.reconstruction import (
    ReconstructionWeights,
    reconstruction_terms,
    weighted_sum,
)
from afgen.train.losses.vgg import load_vgg19
from afgen.train.losses.wavelets import WaveletFeatures
from afgen.train.material import origin_of
from afgen.train.recipe import Recipe, claim

AUTOENCODER: Final = "autoencoder"
DISCRIMINATOR: Final = "discriminator"
WEIGHTS: Final = "autoencoder.safetensors"
SHEET: Final = "source_target_drawn.png"
_HEARD_BATCHES: Final = 48  # of 8 pairs


@dataclass(frozen=True, slots=True)
class PairsConfig:
    """Which pairs are drawn, and how both of their frames are changed alike."""

    rows: int = 8
    flip: float = 0.5  # share of mirrored pairs
    colour: float = 0.15  # largest change of each colour's gain and of its level
    held_out: float = 0.05  # of the clips, kept for evaluation
    evaluated: int = 64  # pairs of these


@dataclass(frozen=True, slots=True)
class AdversaryConfig:
    """Those who judge, and when."""

    network: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    begins: int = 0  # the first step in which they are heard; beyond the last: never
    r1: float = 10.0
    r1_every: int = 16  # steps; the penalty counts that much more then


_FLOATS: Final = LearningConfig(
    learning_rate=2e-4, final_learning_rate=2e-4, betas=(0.5, 0.99), clip_norm=10.0
)


@dataclass(frozen=True, slots=True)
class AutoencoderRecipe:
    """Everything a run depends on besides the pictures."""

    model: LiaConfig = field(default_factory=LiaConfig)
    pairs: PairsConfig = field(default_factory=PairsConfig)
    weights: ReconstructionWeights = field(default_factory=ReconstructionWeights)
    adversary: AdversaryConfig = field(default_factory=AdversaryConfig)
    learning: LearningConfig = field(default_factory=lambda: _FLOATS)
    judging: LearningConfig = field(default_factory=lambda: _FLOATS)
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=460_000))
    encoder_rate: float = 1.0  # its learning rate, as a share of the decoder's
    motion_spread: float = 0.0  # of coefficients within clips at the start; 0: as random layers
    vgg19: str = ""  # file of torchvision's weights; without one, features that need none


_SMALLS: Final = LearningConfig(
    learning_rate=2e-3,
    final_learning_rate=2e-4,
    warmup_steps=20,
    betas=(0.5, 0.99),
    clip_norm=10.0,
    ema_decay=0.99,
)
_SMALL: Final = AutoencoderRecipe(
    model=LiaConfig(size=64, latent_dim=128, max_channels=64, channels_times_pixels=512),
    pairs=PairsConfig(rows=4, held_out=0.1, evaluated=24),
    weights=ReconstructionWeights(perceptual=1.0, regions=10.0, gram=3.0, adversarial=0.02),
    adversary=AdversaryConfig(
        network=DiscriminatorConfig(channels_times_pixels=512, max_channels=64), begins=6000
    ),
    learning=_SMALLS,
    judging=_SMALLS,
    loop=LoopConfig(
        steps=1000, log_every=25, evaluate_every=125, sample_every=250, checkpoint_every=125
    ),
    encoder_rate=0.1,
    motion_spread=1.0,
)
RECIPES: Final = (
    Recipe("lia-64", AUTOENCODER, "a small network at 64 px, some minutes of a CPU", _SMALL),
    Recipe(
        "lia-128",
        AUTOENCODER,
        "a small network at 128 px, on a GPU or some days of a CPU",
        dataclasses.replace(
            _SMALL,
            model=LiaConfig(size=128, latent_dim=128, max_channels=128, channels_times_pixels=2048),
            pairs=PairsConfig(),
            weights=dataclasses.replace(_SMALL.weights, perceptual=3.0, regions=50.0, gram=10.0),
            adversary=AdversaryConfig(
                network=DiscriminatorConfig(channels_times_pixels=1024, max_channels=64),
                begins=6000,
            ),
            loop=LoopConfig(steps=12_000, log_every=25, evaluate_every=500, sample_every=500),
        ),
    ),
    Recipe(
        "lia-512",
        AUTOENCODER,
        "FLOAT's sizes and weights, on GPUs, with --set vgg19=FILE",
        AutoencoderRecipe(
            loop=LoopConfig(
                steps=460_000,
                log_every=100,
                evaluate_every=5000,
                sample_every=5000,
                checkpoint_every=2000,
            )
        ),
    ),
)


class Batch(NamedTuple):
    """Pairs as the networks take them: pictures (B, 3, H, W) in [-1, 1], regions of the targets."""

    source_BCHW: Tensor
    target_BCHW: Tensor
    regions_BR4: Tensor


def train_autoencoder(
    shards_dir: Path,
    run_dir: Path,
    recipe: Recipe[AutoencoderRecipe],
    *,
    resume: bool = False,
    world: World = ALONE,
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Learn from shards with pictures of faces, and write the averaged network; its path.

    `run_dir` gets the recipe, the log, checkpoints, samples and `autoencoder.safetensors`. With
    `resume`, learning goes on from the last checkpoint.

    Raises OptionError where the folder holds another run, ShardsError, UnusableClipError where
    there are too few clips, WeightsError for VGG-19's file, TrainingDivergedError.
    """
    if world.leads:
        claim(run_dir, recipe)
    settings = recipe.settings
    shards = open_shards(shards_dir)
    learned, held_out = (
        FaceShards(shards, clips, settings.model.size)
        for clips in kept_apart(face_clips(shards), settings.pairs.held_out)
    )
    origin = recipe.provenance(data=origin_of(shards))
    task = autoencoder_task(settings, learned, held_out, device=world.device, provenance=origin)
    train(task, settings.loop, run_dir, resume=resume, world=world, say=say)
    path = run_dir / WEIGHTS
    if world.leads:
        export_autoencoder(run_dir, path, settings)
    return path


def autoencoder_task(
    settings: AutoencoderRecipe,
    learned: FramePairs,
    held_out: FramePairs,
    *,
    device: torch.device | str = "cpu",
    provenance: Mapping[str, Any] | None = None,
) -> Task:
    """Both players, and how they are evaluated on pairs kept out."""
    torch.manual_seed(settings.loop.seed)
    autoencoder = untrained_network(settings.model).to(device)
    if settings.motion_spread:
        hear_motion(autoencoder, heard_pairs(settings, learned, device), settings.motion_spread)
    discriminator = Discriminator(settings.model.size, settings.adversary.network).to(device)
    features = features_of(settings).to(device)
    adversary = settings.adversary

    def batch_of(part: Part) -> Batch:
        return draw_batch(learned, settings.pairs, part.rng(settings.loop.seed), device)

    def drawing(model: nn.Module, part: Part) -> tuple[Tensor, Metrics]:
        batch = batch_of(part)
        drawn_BCHW = draw(as_autoencoder(model), batch)
        terms = reconstruction_terms(drawn_BCHW, batch.target_BCHW, batch.regions_BR4, features)
        if part.step >= adversary.begins:
            terms["adversarial"] = drawing_loss(discriminator(drawn_BCHW, batch.regions_BR4))
        told = {name: float(term.detach()) for name, term in terms.items()}
        return weighted_sum(terms, settings.weights), told

    def judging(model: nn.Module, part: Part) -> tuple[Tensor, Metrics]:
        if part.step < adversary.begins:
            return _nothing(model), {}
        batch = batch_of(part)
        with torch.no_grad():
            drawn_BCHW = draw(autoencoder, batch)
        return judged(as_discriminator(model), batch, drawn_BCHW, part.step, adversary)

    seen = held_out_batch(held_out, settings.pairs.evaluated, device)
    rates = {"encoder.": settings.encoder_rate}
    players = [Player(AUTOENCODER, autoencoder, drawing, settings.learning, rates)]
    if adversary.begins < settings.loop.steps:
        players.append(Player(DISCRIMINATOR, discriminator, judging, settings.judging))
    return Task(
        players=players,
        evaluate=lambda averages: evaluated(averages, seen, features, settings.weights),
        sample=lambda averages, folder: save_png(
            sheet_of(seen, draw(as_autoencoder(averages[AUTOENCODER]), seen)), folder / SHEET
        ),
        provenance=provenance or {},
    )


def heard_pairs(
    settings: AutoencoderRecipe, learned: FramePairs, device: torch.device | str
) -> Iterator[tuple[Tensor, Tensor]]:
    """Sources and targets that the encoder's last layers are set from, as they were filmed."""
    config = dataclasses.replace(settings.pairs, rows=8, colour=0.0, flip=0.0)
    rng = np.random.default_rng(settings.loop.seed)
    for _ in range(_HEARD_BATCHES):
        batch = draw_batch(learned, config, rng, device)
        yield batch.source_BCHW, batch.target_BCHW


def features_of(settings: AutoencoderRecipe) -> nn.Module:
    """VGG-19 where its weights are given, wavelets otherwise. Raises as `load_vgg19`."""
    return load_vgg19(Path(settings.vgg19)) if settings.vgg19 else WaveletFeatures()


def draw(network: LiaNetwork, batch: Batch) -> Tensor:
    """The source made to do what the target does, (B, 3, H, W), unclamped."""
    source = network.source(batch.source_BCHW)
    return network.decode(source, network.motion(batch.target_BCHW))


def judged(
    discriminator: Discriminator,
    batch: Batch,
    drawn_BCHW: Tensor,
    step: int,
    config: AdversaryConfig,
) -> tuple[Tensor, Metrics]:
    """The discriminator's loss, with the penalty in every `r1_every`th step."""
    real = discriminator(batch.target_BCHW, batch.regions_BR4)
    drawn = discriminator(drawn_BCHW, batch.regions_BR4)
    loss = judging_loss(real, drawn)
    told = {"real": _mean(real), "drawn": _mean(drawn)}
    if step % config.r1_every == 0:
        penalty = discriminator.penalty(batch.target_BCHW, batch.regions_BR4)
        loss = loss + config.r1 * config.r1_every * penalty
    return loss, told


def draw_batch(
    pairs: FramePairs, config: PairsConfig, rng: np.random.Generator, device: torch.device | str
) -> Batch:
    """Random pairs of random clips, each pair changed in its own way."""
    frames = pairs.frames
    rows: list[FramePair] = []
    for clip in rng.integers(len(frames), size=config.rows):
        source, target = rng.integers(frames[clip], size=2)
        rows.append(pairs.pair(int(clip), int(source), int(target)))
    batch = _batch(rows, device)
    flips = torch.from_numpy(rng.random(config.rows) < config.flip).to(device)
    gain, level = (
        torch.from_numpy(rng.uniform(-1, 1, (config.rows, 3, 1, 1)).astype(np.float32)).to(device)
        * config.colour
        for _ in range(2)
    )
    return _recoloured(_flipped(batch, flips), 1 + gain, level)


def held_out_batch(pairs: FramePairs, count: int, device: torch.device | str) -> Batch:
    """First frames of clips kept out, with later frames evenly spread; always the same ones."""
    frames = pairs.frames
    rows = []
    for number in range(count):
        clip = number % len(frames)
        turn = 1 + number // len(frames)
        turns = 1 + -(-count // len(frames))
        rows.append(pairs.pair(clip, 0, (frames[clip] - 1) * turn // turns))
    return _batch(rows, device)


def evaluated(
    averages: Averages, seen: Batch, features: Features, weights: ReconstructionWeights
) -> Metrics:
    """Loss on pairs kept out, and decibels beside those of the source frame left as it is."""
    drawn_BCHW = draw(as_autoencoder(averages[AUTOENCODER]), seen).clamp(-1, 1)
    terms = reconstruction_terms(drawn_BCHW, seen.target_BCHW, seen.regions_BR4, features)
    return {
        "loss": float(weighted_sum(terms, weights)),
        "psnr_db": psnr_db(drawn_BCHW, seen.target_BCHW),
        "copy_psnr_db": psnr_db(seen.source_BCHW, seen.target_BCHW),
    }


def psnr_db(one_BCHW: Tensor, other_BCHW: Tensor) -> float:
    """Peak signal to noise ratio of pictures in [-1, 1], mean over rows."""
    error_B = (one_BCHW - other_BCHW).square().flatten(1).mean(1).clamp(min=1e-8)
    return float(10 * (4.0 / error_B).log10().mean())


def sheet_of(batch: Batch, drawn_BCHW: Tensor, *, rows: int = 8) -> Image:
    """Rows of source, target and what was drawn, two columns of them."""
    pictures = torch.stack((batch.source_BCHW, batch.target_BCHW, drawn_BCHW), 1)[: 2 * rows]
    pixels = ((pictures.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).cpu().numpy()
    strips = pixels.transpose(0, 3, 1, 4, 2).reshape(len(pixels), pixels.shape[3], -1, 3)
    half = -(-len(strips) // 2)
    columns = [np.concatenate(list(part)) for part in (strips[:half], strips[half : 2 * half])]
    height = columns[0].shape[0]
    filled = [np.pad(one, ((0, height - one.shape[0]), (0, 0), (0, 0))) for one in columns]
    sheet: Image = np.concatenate(filled, axis=1)
    return sheet


def export_autoencoder(run_dir: Path, path: Path, settings: AutoencoderRecipe) -> str:
    """Write the averaged weights of a run's best checkpoint, its basis orthonormal; the SHA-256."""
    weights, provenance = averaged(run_dir, AUTOENCODER)
    network = LiaNetwork(settings.model)
    network.load_state_dict(weights)
    network.basis.orthonormalise_()
    return save_autoencoder(path, network, provenance=provenance)


def _batch(pairs: list[FramePair], device: torch.device | str) -> Batch:
    return Batch(
        _as_input(np.stack([pair.source_HWC for pair in pairs]), device),
        _as_input(np.stack([pair.target_HWC for pair in pairs]), device),
        torch.from_numpy(np.stack([pair.regions_R4 for pair in pairs])).to(device),
    )


def _as_input(pictures_BHWC: Image, device: torch.device | str) -> Tensor:
    pictures = torch.from_numpy(pictures_BHWC).to(device).permute(0, 3, 1, 2)
    return pictures.float().contiguous() / 127.5 - 1


def _flipped(batch: Batch, flips_B: Tensor) -> Batch:
    """Some rows mirrored, their regions too."""
    chosen = flips_B[:, None, None, None]
    left, top, right, bottom = batch.regions_BR4.unbind(-1)
    mirrored = torch.stack((1 - right, top, 1 - left, bottom), -1)
    return Batch(
        torch.where(chosen, batch.source_BCHW.flip(3), batch.source_BCHW),
        torch.where(chosen, batch.target_BCHW.flip(3), batch.target_BCHW),
        torch.where(flips_B[:, None, None], mirrored, batch.regions_BR4),
    )


def _recoloured(batch: Batch, gain_BC11: Tensor, level_BC11: Tensor) -> Batch:
    source, target = (
        (picture * gain_BC11 + level_BC11).clamp(-1, 1)
        for picture in (batch.source_BCHW, batch.target_BCHW)
    )
    return Batch(source, target, batch.regions_BR4)


def _nothing(model: nn.Module) -> Tensor:
    """A loss that moves no parameter."""
    return torch.stack([parameter.sum() for parameter in model.parameters()]).sum() * 0.0


def _mean(verdicts: list[Tensor]) -> float:
    return float(torch.stack([one.detach().mean() for one in verdicts]).mean())


def as_autoencoder(model: nn.Module) -> LiaNetwork:
    """The module, known to be one. Raises TypeError otherwise."""
    if not isinstance(model, LiaNetwork):
        raise TypeError("these recipes train a LiaNetwork")
    return model


def as_discriminator(model: nn.Module) -> Discriminator:
    """The module, known to be one. Raises TypeError otherwise."""
    if not isinstance(model, Discriminator):
        raise TypeError("these recipes train a LiaNetwork against a Discriminator")
    return model
