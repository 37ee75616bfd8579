from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from afgen.media.audio import write_wav
from afgen.presets import Models
from afgen.render.pictures import film, torch_threads
from afgen.render.progress import silent
from afgen.render.settings import Sources
from afgen.render.take import Order, Take, prepared
from tests.render.conftest import QUICK
from tests.render.untrained import voice


def pictures(take: Take, models: Models) -> np.ndarray:
    *made, (_, end) = film([take], models, QUICK)
    assert end is None
    return np.stack([image_HWC for _, image_HWC in made])


def test_a_thread_of_its_own_draws_the_same_pictures(
    models: Models, portrait_file: Path, tmp_path: Path
) -> None:
    """What happens on a GPU, but for the GPU: all but the CPU draw in another thread."""
    write_wav(tmp_path / "voice.wav", voice(1.0, 210.0))
    sources = Sources(portrait=portrait_file, avatar_audio=tmp_path / "voice.wav")
    with prepared(Order(sources, QUICK, tmp_path / "out.mp4"), silent, models) as take:
        plain = pictures(take, models)
        overlapped = pictures(take, replace(models, device=torch.device("meta")))
    assert len(plain) == 25
    np.testing.assert_array_equal(plain, overlapped)


def test_threads_are_given_back(models: Models) -> None:
    before = torch.get_num_threads()
    with torch_threads(replace(models, threads=before + 1)):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
