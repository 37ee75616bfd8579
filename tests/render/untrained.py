"""Models that need no trained weights: every stage is real, the generator is untrained."""

from functools import cache
from typing import Any

import numpy as np
import torch

from afgen.autoencoder.mesh.decode import MeshAutoencoder
from afgen.autoencoder.mesh.identity import MeshIdentity
from afgen.clock import SAMPLE_RATE_HZ
from afgen.conditions.logmel import LogMelFeatures
from afgen.generator.config import portrait as portrait_size
from afgen.generator.model import MotionGenerator
from afgen.presets import Models, find_faces
from afgen.signals import Portrait


class Remembering(MeshAutoencoder):
    """Identifies each portrait once: most tests use the same one."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._known: dict[str, MeshIdentity] = {}

    def identify(self, portrait: Portrait) -> MeshIdentity:
        if portrait.sha256 not in self._known:
            self._known[portrait.sha256] = super().identify(portrait)
        return self._known[portrait.sha256]


@cache
def remembering(size: int | None) -> Remembering:
    return Remembering(find_faces, size=size)


@cache
def untrained_models() -> Models:
    torch.manual_seed(0)
    generator = MotionGenerator(portrait_size(width=32, depth=1, heads=2)).eval()
    features = {"streaming": LogMelFeatures()}
    return Models(remembering, generator, features, {"generator": "untrained"}, "none")


def voice(seconds: float, pitch_hz: float) -> np.ndarray:
    """Something with the level and the harmonics of a voice, in bursts of 0.4 s."""
    time_s = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    tone = sum(np.sin(2 * np.pi * pitch_hz * k * time_s) / k for k in range(1, 12))
    bursts = (np.sin(2 * np.pi * 1.25 * time_s) > 0).astype(np.float64)
    return (0.15 * tone * bursts).astype(np.float32)
