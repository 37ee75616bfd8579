"""Stage 2, label-free preference optimisation of a generator: recipes and the run.

    L = L_DF + weight L_DPO

L_DF is stage 1's loss. L_DPO (paper equation 12) prefers what a person really did, the winner, to
what the model does when it does not hear the other, the loser (see `losers.py`): both with the same
noise, the same time of each frame and the same full condition, and against the frozen weights of
stage 1.

Shape letters: B rows, W frames of a window, D motion.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from afgen.autoencoder.mesh.motion import POSE
from afgen.checkpoint import Checkpoint, load_checkpoint
from afgen.data.bank import BankConfig
from afgen.data.shards import open_shards
from afgen.generator.continuity import Continuity
from afgen.generator.loss import block_times, flow_errors, preference_loss
from afgen.generator.model import MotionGenerator
from afgen.generator.weights import generator_from, save_generator
from afgen.train.checkpoints import averaged
from afgen.train.distributed import ALONE, World
from afgen.train.forcing import (
    EVALUATED_PARTS,
    PAPER_FORCING,
    Forcing,
    ForcingConfig,
    conditions_of,
)
from afgen.train.generator import GENERATOR, WEIGHTS, as_generator
from afgen.train.given import trainable
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
from afgen.train.losers import LoserConfig, Losers, make_losers
from afgen.train.material import DataConfig, Material, gather, origin_of
from afgen.train.recipe import Recipe, claim


@dataclass(frozen=True, slots=True)
class PreferenceRecipe:
    """Everything a run depends on besides the shards and the weights it begins with."""

    weight: float = 0.1  # of L_DPO
    beta: float = 1000.0
    losers: LoserConfig = field(default_factory=LoserConfig)
    data: DataConfig = field(default_factory=DataConfig)
    bank: BankConfig = field(default_factory=BankConfig)
    forcing: ForcingConfig = field(default_factory=ForcingConfig)
    learning: LearningConfig = field(
        default_factory=lambda: LearningConfig(
            learning_rate=1e-4, final_learning_rate=1e-5, ema_decay=0.998
        )
    )
    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(
            steps=5000, log_every=25, evaluate_every=500, checkpoint_every=250
        )
    )


RECIPES: Final = (
    Recipe(
        "portrait-preference",
        "preference",
        "stage 2 of `portrait`",
        PreferenceRecipe(
            # errors as at the end of stage 1, from the first step on
            forcing=ForcingConfig(absolute_steps=0, difference_from=0, eye_from=0),
            losers=LoserConfig(
                continuity=Continuity(seam_frames=4, smooth_dims=POSE.stop), context_noise=0.05
            ),
        ),
    ),
    Recipe(
        "avatar-forcing-preference",
        "preference",
        "stage 2 of `avatar-forcing`, as the paper has it",
        PreferenceRecipe(
            data=DataConfig(family="lia", real_share=1.0),
            forcing=PAPER_FORCING,
            learning=LearningConfig(
                learning_rate=1e-5, final_learning_rate=1e-5, ema_decay=0.999, betas=(0.9, 0.999)
            ),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Contest:
    """What both terms of the loss are made of."""

    forcing: Forcing
    reference: MotionGenerator  # frozen weights of stage 1
    weight: float
    beta: float

    def loss(
        self, model: MotionGenerator, material: Material, losers: Losers, part: Part
    ) -> tuple[Tensor, Metrics]:
        """L of one part of a step, and both terms, the margin and the share of preferred rows."""
        forcing = self.forcing.loss(model, material, part)
        preference, margin_B = self.preference(model, material, losers, part)
        return forcing + self.weight * preference, {
            "forcing": forcing.item(),
            "preference": preference.item(),
            "margin": margin_B.mean().item(),
            "preferred": (margin_B > 0).float().mean().item(),
        }

    def preference(
        self, model: MotionGenerator, material: Material, losers: Losers, part: Part
    ) -> tuple[Tensor, Tensor]:
        """L_DPO over windows with all that they hear, and by how much (B,) each winner wins."""
        rng = np.random.default_rng((self.forcing.seed, part.step, part.index, 1))
        windows = self.forcing.windows(material, rng)
        device = next(model.parameters()).device
        winner_BWD = torch.from_numpy(windows.motion_BWD).to(device)
        rows, frames, _ = winner_BWD.shape
        loser_BWD = torch.from_numpy(losers.windows(windows.cuts, frames)).to(device)
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        time_BW = block_times(rows, frames, model.config.block_frames, generator=generator)
        time_BW = time_BW.to(device)
        noise_BWD = torch.randn(winner_BWD.shape, generator=generator).to(device)
        reference_BD = torch.from_numpy(windows.reference_BD).to(device)
        conditions = conditions_of(windows, torch.ones(rows, 3), device)

        def errors(network: MotionGenerator, motion_BWD: Tensor) -> Tensor:
            return flow_errors(network, motion_BWD, noise_BWD, time_BW, reference_BD, conditions)

        winner_B, loser_B = errors(model, winner_BWD), errors(model, loser_BWD)
        with torch.no_grad():
            winner_before_B = errors(self.reference, winner_BWD)
            loser_before_B = errors(self.reference, loser_BWD)
        loss = preference_loss(
            winner_B=winner_B,
            winner_reference_B=winner_before_B,
            loser_B=loser_B,
            loser_reference_B=loser_before_B,
            beta=self.beta,
        )
        margin_B = (loser_B - loser_before_B) - (winner_B - winner_before_B)
        return loss, margin_B.detach()


def train_preference(
    shards_dir: Path,
    run_dir: Path,
    recipe: Recipe[PreferenceRecipe],
    stage1: Path,
    *,
    audio_only: Path | None = None,
    resume: bool = False,
    world: World = ALONE,
    sample: Sample | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Generate losers, prefer winners, and write the averaged model; its path.

    Losers come from the weights of `audio_only`; without them, from those of `stage1` that hear
    nothing of the user. `run_dir` gets what that of `train_generator` gets, and `losers/`.

    Raises WeightsError, and as `train_generator`.
    """
    shards, settings = open_shards(shards_dir), recipe.settings
    begun = load_checkpoint(stage1)
    if world.leads:
        claim(run_dir, recipe)
    material, held_out = gather(
        shards_dir, run_dir, settings.data, settings.bank, world=world, say=say
    )
    made_from = begun if audio_only is None else load_checkpoint(audio_only)
    made_by = {
        "weights_sha256": made_from.sha256,
        "user": "dropped" if audio_only is None else "never heard",
    }
    sampler = generator_from(made_from, device=world.device)
    losers, held_out_losers = (
        make_losers(sampler, each, run_dir / name, settings.losers, made_by, world=world, say=say)
        for each, name in ((material, "losers"), (held_out, "losers_held_out"))
    )
    origin = recipe.provenance(
        data=origin_of(shards),
        stage1={"sha256": begun.sha256, **begun.provenance},
        losers=made_by,
    )
    task = preference_task(
        settings,
        begun,
        (material, losers),
        (held_out, held_out_losers),
        device=world.device,
        sample=sample,
        provenance=origin,
    )
    train(task, settings.loop, run_dir, resume=resume, world=world, say=say)
    path = run_dir / WEIGHTS
    if world.leads:
        export_preferred(run_dir, path, begun)
    return path


def preference_task(
    settings: PreferenceRecipe,
    begun: Checkpoint,
    learned: tuple[Material, Losers],
    held_out: tuple[Material, Losers],
    *,
    device: torch.device | str = "cpu",
    sample: Sample | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> Task:
    """One player that begins as `begun`, evaluated by both terms on what is kept out."""
    forcing = Forcing.of(settings.forcing, settings.data.family, settings.loop.seed, device)
    reference = trainable(begun).to(device).eval().requires_grad_(False)
    contest = Contest(forcing, reference, settings.weight, settings.beta)

    def loss(module: nn.Module, part: Part) -> tuple[Tensor, Metrics]:
        return contest.loss(as_generator(module), *learned, part)

    def evaluate(averages: Averages) -> Metrics:
        model = as_generator(averages[GENERATOR])
        forced = forcing.held_out_loss(model, held_out[0], settings.loop.steps)
        parts = [Part(0, number) for number in range(EVALUATED_PARTS)]
        preferred = [contest.preference(model, *held_out, part)[0].item() for part in parts]
        preference = float(np.mean(preferred))
        total = forced + settings.weight * preference
        return {"loss": total, "forcing": forced, "preference": preference}

    player = Player(GENERATOR, trainable(begun).to(device), loss, settings.learning)
    return Task([player], evaluate=evaluate, sample=sample, provenance=provenance or {})


def export_preferred(run_dir: Path, path: Path, begun: Checkpoint, *, half: bool = True) -> str:
    """Write the averaged weights of a run for the package; the SHA-256. See `export_generator`."""
    weights, provenance = averaged(run_dir, GENERATOR)
    model = trainable(begun)
    model.load_state_dict(weights)
    return save_generator(
        path,
        model,
        provenance=provenance,
        features=begun.config["features"],
        dtype=torch.float16 if half else None,
    )
