"""A small render that needs no trained weights: every stage is real, the generator is untrained."""

from pathlib import Path

import numpy as np
import pytest
from skimage import data

from afgen.media.audio import write_wav
from afgen.media.images import save_png
from afgen.presets import Models
from afgen.render.settings import RenderSettings, Sources
from tests.render.untrained import untrained_models, voice

QUICK = RenderSettings(size=128, nfe=3)


@pytest.fixture(scope="session")
def models() -> Models:
    return untrained_models()


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
