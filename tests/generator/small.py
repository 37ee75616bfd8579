"""A small generator with lively weights, and conditions for it: shared by the generator's tests."""

from functools import cache

import numpy as np
import torch

from afgen.generator.config import GeneratorConfig
from afgen.generator.dual_motion_encoder import ConditionTensors
from afgen.generator.model import MotionGenerator
from afgen.signals import Conditions

CONFIG = GeneratorConfig(
    motion_dim=6,
    audio_dim=12,
    condition_width=16,
    condition_heads=2,
    width=32,
    depth=2,
    heads=2,
    time_frequencies=16,
)


@cache
def small_model(config: GeneratorConfig = CONFIG) -> MotionGenerator:
    """Random weights everywhere, those that start at zero included."""
    generator = torch.Generator().manual_seed(0)
    model = MotionGenerator(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            scale = parameter.shape[-1] ** -0.5 if parameter.ndim > 1 else 0.3
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    return model


def tensors(frames: int, rows: int = 2, seed: int = 0) -> ConditionTensors:
    generator = torch.Generator().manual_seed(seed)
    return ConditionTensors(
        torch.randn(rows, frames, CONFIG.audio_dim, generator=generator),
        torch.randn(rows, frames, CONFIG.audio_dim, generator=generator),
        torch.randn(rows, frames, CONFIG.motion_dim, generator=generator),
        torch.ones(rows, 3),
    )


def blocks(frames: int, seed: int = 0, *, user: bool = True) -> list[Conditions]:
    """Random conditions of one recording, block after block."""
    draw = np.random.default_rng(seed)

    def rows(dim: int) -> np.ndarray:
        return draw.standard_normal((10, dim), np.float32)

    return [
        Conditions(
            start_frame=start,
            frames=10,
            avatar_audio_TA=rows(CONFIG.audio_dim),
            user_audio_TA=rows(CONFIG.audio_dim) if user else None,
            user_motion_TD=rows(CONFIG.motion_dim) if user else None,
        )
        for start in range(0, frames, 10)
    ]


def reference(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(1000 + seed).standard_normal(CONFIG.motion_dim, np.float32)
