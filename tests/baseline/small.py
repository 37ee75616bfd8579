"""A small baseline with lively weights, and what it hears: shared by the baseline's tests."""

from functools import cache

import numpy as np
import torch

from afgen.baseline.config import BaselineConfig
from afgen.baseline.guider import Voices
from afgen.baseline.model import WindowGenerator
from afgen.signals import Conditions

CONFIG = BaselineConfig(
    motion_dim=6,
    audio_dim=12,
    guider_width=16,
    guider_heads=2,
    memory_slots=5,
    width=32,
    depth=2,
    heads=2,
    time_frequencies=16,
    window_frames=20,
    context_frames=4,
)


@cache
def small_model(config: BaselineConfig = CONFIG) -> WindowGenerator:
    """Random weights everywhere, those that start at zero included."""
    generator = torch.Generator().manual_seed(0)
    model = WindowGenerator(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            scale = parameter.shape[-1] ** -0.5 if parameter.ndim > 1 else 0.3
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    return model


def voices(frames: int = CONFIG.fed_frames, rows: int = 2, seed: int = 0) -> Voices:
    generator = torch.Generator().manual_seed(seed)
    avatar, user = torch.randn(2, rows, frames, CONFIG.audio_dim, generator=generator)
    return Voices(avatar, user, torch.ones(rows, 2))


def motion(rows: int = 2, seed: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, CONFIG.fed_frames, CONFIG.motion_dim, generator=generator)


def windows(count: int, seed: int = 0, *, user: bool = True) -> list[Conditions]:
    """Random conditions of one recording, window after window."""
    draw = np.random.default_rng(seed)

    def rows(dim: int) -> np.ndarray:
        return draw.standard_normal((CONFIG.window_frames, dim), np.float32)

    return [
        Conditions(
            start_frame=number * CONFIG.window_frames,
            frames=CONFIG.window_frames,
            avatar_audio_TA=rows(CONFIG.audio_dim),
            user_audio_TA=rows(CONFIG.audio_dim) if user else None,
            user_motion_TD=rows(CONFIG.motion_dim) if user else None,
        )
        for number in range(count)
    ]


def reference(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(1000 + seed).standard_normal(CONFIG.motion_dim, np.float32)
