from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from afgen.checkpoint import config_from, save_checkpoint
from afgen.conditions.logmel import LogMelConfig
from afgen.errors import WeightsMismatchError
from afgen.generator.weights import load_generator, save_generator
from tests.generator.small import small_model


def test_a_generator_comes_back_as_it_was(tmp_path: Path) -> None:
    model, features = small_model(), LogMelConfig(bands=12)
    sha256 = save_generator(tmp_path / "g", model, provenance={}, features=asdict(features))
    loaded, checkpoint = load_generator(tmp_path / "g", sha256=sha256)
    assert loaded.config == model.config
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    assert config_from(LogMelConfig, checkpoint.config["features"]) == features


def test_other_weights_are_no_generator(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "w", {}, config={"encoder": {}}, provenance={})
    with pytest.raises(WeightsMismatchError, match="not a generator"):
        load_generator(tmp_path / "w")
