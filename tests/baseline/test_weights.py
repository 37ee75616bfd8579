from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from afgen.baseline.sampler import WindowSampler
from afgen.baseline.weights import load_baseline, save_baseline, untrained_baseline
from afgen.checkpoint import config_from, save_checkpoint
from afgen.conditions.logmel import LogMelConfig
from afgen.errors import WeightsMismatchError
from tests.baseline.small import CONFIG, reference, small_model, windows


def test_a_baseline_comes_back_as_it_was(tmp_path: Path) -> None:
    model, features = small_model(), LogMelConfig(bands=12)
    sha256 = save_baseline(tmp_path / "b", model, provenance={}, features=asdict(features))
    loaded, checkpoint = load_baseline(tmp_path / "b", sha256=sha256)
    assert loaded.config == model.config
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    assert config_from(LogMelConfig, checkpoint.config["features"]) == features


def test_a_generators_weights_are_no_baselines(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "w", {}, config={"generator": {}}, provenance={})
    with pytest.raises(WeightsMismatchError, match="not a baseline"):
        load_baseline(tmp_path / "w")


def test_random_weights_serve_to_measure_speed() -> None:
    sampler = WindowSampler(untrained_baseline(CONFIG), nfe=3)
    (block,), _ = sampler.step(windows(1), sampler.begin(reference()[None], [1]))
    assert np.isfinite(block.motion_TD).all()
