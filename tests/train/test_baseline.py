"""The baseline learns from the generator's bank, and its weights come out ready to be measured."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from afgen.baseline.sampler import WindowSampler
from afgen.baseline.weights import load_baseline
from afgen.conditions.logmel import LogMelConfig
from afgen.errors import OptionError
from afgen.signals import Conditions
from afgen.train.baseline import RECIPES, BaselineRecipe, baseline_task, export_baseline
from afgen.train.generator import RECIPES as GENERATOR_RECIPES
from afgen.train.log import read_log
from afgen.train.loop import train
from afgen.train.recipe import find
from tests.train.small import LEARNING, tiny_loop, tiny_material


def tiny_recipe(steps: int) -> BaselineRecipe:
    recipe = find("infp", RECIPES).settings
    model = dataclasses.replace(
        recipe.model, guider_width=32, guider_heads=2, width=32, depth=1, heads=2, window_frames=20
    )
    return dataclasses.replace(
        recipe,
        model=model,
        loop=tiny_loop(steps),
        learning=LEARNING,
        forcing=dataclasses.replace(recipe.forcing, batch_rows=4, window_frames=model.fed_frames),
    )


@pytest.mark.parametrize(("name", "other"), [("infp", "portrait"), ("infp-full", "avatar-forcing")])
def test_what_the_generators_recipe_has_too_is_the_same(name: str, other: str) -> None:
    baseline = find(name, RECIPES).settings
    generator = find(other, GENERATOR_RECIPES).settings
    for part in ("data", "bank", "learning", "loop"):
        assert getattr(baseline, part) == getattr(generator, part), part
    forcing = dataclasses.replace(baseline.forcing, window_frames=generator.forcing.window_frames)
    assert forcing == generator.forcing
    for size in ("motion_dim", "audio_dim", "width", "depth", "heads"):
        assert getattr(baseline.model, size) == getattr(generator.model, size), size
    assert (baseline.model.window_frames, baseline.model.context_frames) == (75, 10)


def test_settings_can_be_set_and_are_checked_as_a_whole() -> None:
    recipe = find("infp", RECIPES).overridden(["model.depth=2", "begin_share=0.5"])
    assert (recipe.settings.model.depth, recipe.settings.begin_share) == (2, 0.5)
    with pytest.raises(OptionError, match="context and the window"):
        recipe.overridden(["model.window_frames=50"])


@pytest.mark.slow
def test_a_tiny_run_lowers_the_loss_and_its_resumption_is_exact(tmp_path: Path) -> None:
    recipe = tiny_recipe(60)
    task = baseline_task(recipe, tiny_material(), tiny_material())
    train(task, recipe.loop, tmp_path / "whole")
    log = read_log(tmp_path / "whole")
    curve = [entry["loss"] for entry in log]
    assert np.isfinite(log[-1]["evaluated.loss"])
    assert np.mean(curve[-10:]) < 0.9 * np.mean(curve[:5])

    def crash(line: str) -> None:
        if line.startswith("step 45/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        task = baseline_task(recipe, tiny_material(), tiny_material())
        train(task, recipe.loop, tmp_path / "broken", say=crash)
    task = baseline_task(recipe, tiny_material(), tiny_material())
    train(task, recipe.loop, tmp_path / "broken", resume=True)
    assert [entry["loss"] for entry in read_log(tmp_path / "broken")] == curve


@pytest.mark.slow
def test_a_run_is_exported_and_moves_a_face(tmp_path: Path) -> None:
    recipe = tiny_recipe(4)
    train(baseline_task(recipe, tiny_material(), tiny_material()), recipe.loop, tmp_path)
    sha256 = export_baseline(tmp_path, tmp_path / "baseline.safetensors", recipe)
    model, checkpoint = load_baseline(tmp_path / "baseline.safetensors", sha256=sha256)
    assert model.config == recipe.model
    assert checkpoint.config["features"] == dataclasses.asdict(LogMelConfig())
    sampler = WindowSampler(model, nfe=4)
    heard = np.zeros((20, recipe.model.audio_dim), np.float32)
    (block,), _ = sampler.step(
        [Conditions(0, 20, heard, None, None)], sampler.begin(np.zeros((1, 38), np.float32), [0])
    )
    assert block.motion_TD.shape == (20, 38)
    assert np.isfinite(block.motion_TD).all()
