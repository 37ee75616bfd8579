"""Steps of diffusion forcing: their windows, what they hear of them, how errors are weighed.

Shape letters: B rows, W frames of a window, D motion, K coefficients, N landmarks.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import torch
from torch import Tensor

from afgen.autoencoder.mesh.basis import load_basis
from afgen.autoencoder.mesh.motion import EXPRESSION, MOTION_DIM
from afgen.autoencoder.mesh.topology import EYES, LOWER_LIP_INNER, UPPER_LIP_INNER
from afgen.conditions.logmel import LogMelConfig
from afgen.data.bank import Windows
from afgen.data.dyads import Family
from afgen.data.variation import VariationConfig, vary
from afgen.generator.dual_motion_encoder import ConditionTensors
from afgen.generator.loss import DROPOUT, diffusion_forcing_loss
from afgen.generator.model import MotionGenerator
from afgen.train.loop import Part
from afgen.train.material import Material

EVALUATED_PARTS: Final = 8  # batches of held-out windows
_EVALUATED_FROM: Final = 1 << 40  # their steps: none that is ever learned from
_PRESENT: Final = {  # avatar audio, user audio, user motion
    "nothing": (0, 0, 0),
    "avatar_audio": (1, 0, 0),
    "user": (0, 1, 1),
    "no_user_motion": (1, 1, 0),
    "no_user_audio": (1, 0, 1),
}


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
