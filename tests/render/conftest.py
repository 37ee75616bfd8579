"""A small render that needs no trained weights: every stage is real, the generator is untrained."""

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data

from afgen.clock import SAMPLE_RATE_HZ
from afgen.conditions.logmel import AudioFeatures
from afgen.generator.config import portrait as portrait_size
from afgen.generator.model import MotionGenerator
from afgen.media.audio import write_wav
from afgen.media.images import save_png
from afgen.presets import PRESETS, Models
from afgen.render.settings import RenderSettings, Sources

QUICK = RenderSettings(size=128, nfe=3)


@pytest.fixture(scope="session")
def models() -> Models:
    torch.manual_seed(0)
    generator = MotionGenerator(portrait_size(width=32, depth=1, heads=2)).eval()
    hashes = {"generator": "untrained"}
    return Models(PRESETS["portrait"].autoencoder, generator, AudioFeatures(), hashes, "none")


def voice(seconds: float, pitch_hz: float) -> np.ndarray:
    """Something with the level and the harmonics of a voice, in bursts of 0.4 s."""
    time_s = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    tone = sum(np.sin(2 * np.pi * pitch_hz * k * time_s) / k for k in range(1, 12))
    bursts = (np.sin(2 * np.pi * 1.25 * time_s) > 0).astype(np.float64)
    return (0.15 * tone * bursts).astype(np.float32)


@pytest.fixture(scope="session")
def portrait_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("portrait") / "astronaut.png"
    save_png(np.asarray(data.astronaut(), np.uint8), path)
    return path


@pytest.fixture(scope="session")
def sources(portrait_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """Two voices given apart, 24 s: two whole segments and a rest."""
    folder = tmp_path_factory.mktemp("voices")
    write_wav(folder / "user.wav", voice(24.0, 120.0))
    write_wav(folder / "avatar.wav", voice(24.0, 210.0))
    return Sources(
        portrait=portrait_file,
        user_audio=folder / "user.wav",
        avatar_audio=folder / "avatar.wav",
    )
