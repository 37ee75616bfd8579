import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from afgen.checkpoint import load_checkpoint
from afgen.conditions.kinds import features_from
from afgen.data.dyads import dyads_in
from afgen.data.shards import open_shards
from afgen.generator.config import MASKS
from afgen.generator.weights import load_generator
from afgen.train.forcing import (
    EVERYTHING,
    PAPER_FORCING,
    ForcingConfig,
)
from afgen.train.generator import (
    GENERATOR,
    RECIPES,
    GeneratorRecipe,
    export_generator,
    generator_task,
)
from afgen.train.log import read_log
from afgen.train.loop import train
from afgen.train.material import DataConfig, Material
from afgen.train.recipe import find
from tests.data.test_dyads import write_dyads
from tests.train.small import tiny_material, tiny_model, tiny_recipe


def losses(run_dir: Path) -> list[float]:
    return [entry["loss"] for entry in read_log(run_dir)]


@pytest.mark.slow
def test_a_tiny_run_lowers_the_loss_and_its_resumption_is_exact(tmp_path: Path) -> None:
    settings = tiny_recipe(60).settings
    task = generator_task(settings, tiny_material(), tiny_material())
    train(task, settings.loop, tmp_path / "whole")
    curve = losses(tmp_path / "whole")
    assert np.mean(curve[-10:]) < 0.9 * np.mean(curve[:5])

    def crash(line: str) -> None:
        if line.startswith("step 45/"):
            raise KeyboardInterrupt

    def begun() -> None:
        task = generator_task(settings, tiny_material(), tiny_material())
        train(task, settings.loop, tmp_path / "broken", resume=True, say=crash)

    with pytest.raises(KeyboardInterrupt):
        begun()
    assert len(losses(tmp_path / "broken")) == 45
    task = generator_task(settings, tiny_material(), tiny_material())
    train(task, settings.loop, tmp_path / "broken", resume=True)
    assert losses(tmp_path / "broken") == curve


def test_a_run_begins_with_the_weights_that_are_given(tmp_path: Path) -> None:
    settings, material = tiny_recipe(2).settings, tiny_material()
    train(generator_task(settings, material, material), settings.loop, tmp_path)
    export_generator(tmp_path, tmp_path / "out.safetensors", settings, half=False)
    begun = load_checkpoint(tmp_path / "out.safetensors")
    [player] = generator_task(settings, material, material, begun=begun).players
    for name, tensor in player.model.state_dict().items():
        assert torch.equal(tensor, begun.tensors[name]), name


def test_a_run_is_exported_with_its_origin(tmp_path: Path) -> None:
    settings = dataclasses.replace(tiny_recipe(2).settings, mask="paper-figure")
    task = generator_task(settings, tiny_material(), tiny_material(), provenance={"data": "made"})
    learner = train(task, settings.loop, tmp_path)
    sha256 = export_generator(tmp_path, tmp_path / "out.safetensors", settings, half=False)
    model, checkpoint = load_generator(tmp_path / "out.safetensors", sha256=sha256)
    assert model.config.self_sees == MASKS["paper-figure"]
    assert checkpoint.provenance == {"data": "made", "steps": 2}
    assert features_from(checkpoint.config["features"]).audio_dim == 256
    average = learner.averages[GENERATOR].state_dict()
    name = "dual.out.weight"
    assert torch.equal(model.state_dict()[name], average[name])


def test_latents_are_learned_from_under_the_papers_masks(tmp_path: Path) -> None:
    """The full recipe's way, made small: shards of latents and wav2vec2 rows, no weights."""
    write_dyads(tmp_path, count=4, frames=80)
    recorded, _ = dyads_in(open_shards(tmp_path), "lia", held_out_share=0)
    model = dataclasses.replace(
        tiny_model(), motion_dim=16, audio_dim=9216, self_sees=MASKS["released"]
    )
    forcing = dataclasses.replace(PAPER_FORCING, batch_rows=2)
    settings = GeneratorRecipe(
        model=model, data=DataConfig("lia", 1.0), forcing=forcing, loop=tiny_recipe(2).settings.loop
    )
    material = Material(None, recorded, 1.0)
    learner = train(generator_task(settings, material, material), settings.loop, tmp_path / "run")
    assert learner.step == 2
    assert len(losses(tmp_path / "run")) == 2


def test_recipes_are_the_papers_and_the_embedded_one() -> None:
    paper = find("avatar-forcing", RECIPES).settings
    assert (paper.model.width, paper.model.depth, paper.model.motion_dim) == (1024, 8, 512)
    assert paper.forcing.dropout == 0.1 and paper.forcing.presence == EVERYTHING
    assert paper.forcing.window_frames == 50 and paper.forcing.batch_rows == 8
    assert paper.learning.learning_rate == paper.learning.final_learning_rate == 1e-4
    for name, mask in MASKS.items():
        masked = find("avatar-forcing", RECIPES).overridden([f"mask={name}"])
        assert masked.settings.network.self_sees == mask
    assert find("portrait", RECIPES).settings.forcing == ForcingConfig()
    with pytest.raises(ValueError, match="mesh only"):
        DataConfig("lia", 0.5)
