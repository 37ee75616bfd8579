"""A preset's loaded models, whichever family they are of."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from afgen.autoencoder.interface import MotionAutoencoder
from afgen.conditions.features import AudioFeatures
from afgen.generator.block import BlockFunction, draw_block
from afgen.generator.config import with_first_window
from afgen.generator.continuity import AS_DRAWN, Continuity
from afgen.generator.guidance import PAPER_GUIDANCE, Guidance
from afgen.generator.model import MotionGenerator
from afgen.generator.stream import MotionSampler

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Models:
    """Weights only; they can serve many renders.

    `threads` are those of torch on a CPU; the last bits of a result depend on them.
    """

    autoencoder: Callable[[int | None], MotionAutoencoder[Any, Any]]  # by size of its pictures
    generator: MotionGenerator
    features: Mapping[str, AudioFeatures]  # by audio mode
    weights_sha256: dict[str, str]
    licence: str
    notice: str = ""  # for whoever uses the weights to read
    device: torch.device = CPU
    threads: int = 1
    continuity: Continuity = AS_DRAWN
    context_noise: float = 0.0
    guidance: Guidance = PAPER_GUIDANCE  # where none is asked for
    draw: BlockFunction = draw_block

    def sampler(
        self,
        nfe: int,
        guidance_audio: float | None = None,
        guidance_user: float | None = None,
        *,
        first_window: int | None = None,
        anchor: float = 0.0,
    ) -> MotionSampler:
        """The generator with these sampling settings; None: what suits its weights."""
        model = self.generator
        if first_window is not None and first_window != model.config.first_frames:
            model = copy.copy(model)  # of the module; its weights are shared
            model.config = with_first_window(model.config, first_window)
        return MotionSampler(
            model,
            nfe,
            self.guidance.changed(guidance_audio, guidance_user),
            continuity=self.continuity,
            context_noise=self.context_noise,
            anchor=anchor,
            draw=self.draw,
        )

    @property
    def computed_on(self) -> dict[str, str]:
        """What of the machine decides the last bits of a result."""
        if self.device.type == "cpu":
            return {"device": "cpu", "threads": str(self.threads)}
        return {"device": torch.cuda.get_device_name(self.device)}
