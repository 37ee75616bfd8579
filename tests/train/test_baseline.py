"""The baseline learns from the generator's bank, and its weights come out ready to be measured."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from afgen.baseline.sampler import WindowSampler
from afgen.baseline.weights import load_baseline
from afgen.conditions.logmel import LogMelConfig
from afgen.signals import Conditions
from afgen.train.baseline import BaselineRecipe, export_baseline, learn
from afgen.train.generator import GeneratorRecipe
from afgen.train.log import read_log
from afgen.train.loop import LearningConfig, LoopConfig
from tests.train.test_generator import tiny_bank


def tiny_recipe(steps: int) -> BaselineRecipe:
    recipe = BaselineRecipe()
    model = dataclasses.replace(
        recipe.model, guider_width=32, guider_heads=2, width=32, depth=1, heads=2, window_frames=20
    )
    return dataclasses.replace(
        recipe,
        model=model,
        loop=LoopConfig(steps=steps, log_every=1, checkpoint_every=steps // 2),
        learning=LearningConfig(learning_rate=3e-3, warmup_steps=5),
        batch_rows=4,
    )


def test_what_the_generators_recipe_has_too_is_the_same() -> None:
    baseline, generator = BaselineRecipe(), GeneratorRecipe()
    shared = {each.name for each in dataclasses.fields(generator)} - {"model", "window_frames"}
    for name in shared:
        assert getattr(baseline, name) == getattr(generator, name), name
    assert baseline.model.width == generator.model.width
    assert baseline.model.window_frames == 75
    assert baseline.model.context_frames == 10


@pytest.mark.slow
def test_a_tiny_run_lowers_the_loss_and_its_resumption_is_exact(tmp_path: Path) -> None:
    bank, recipe = tiny_bank(), tiny_recipe(60)
    learn(bank, tmp_path / "whole", recipe)
    curve = [entry["loss"] for entry in read_log(tmp_path / "whole")]
    assert np.mean(curve[-10:]) < 0.9 * np.mean(curve[:5])

    def crash(line: str) -> None:
        if line.startswith("step 45/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(bank, tmp_path / "broken", recipe, say=crash)
    learn(bank, tmp_path / "broken", recipe, resume=True)
    assert [entry["loss"] for entry in read_log(tmp_path / "broken")] == curve


@pytest.mark.slow
def test_a_run_is_exported_and_moves_a_face(tmp_path: Path) -> None:
    recipe = tiny_recipe(4)
    learn(tiny_bank(), tmp_path, recipe)
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
