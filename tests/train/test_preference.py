import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from afgen.checkpoint import Checkpoint, load_checkpoint
from afgen.data.bank import Cut
from afgen.data.body import load_body
from afgen.errors import OptionError
from afgen.generator.weights import generator_from, save_generator
from afgen.train.forcing import Forcing
from afgen.train.generator import GENERATOR, features_config
from afgen.train.given import trainable
from afgen.train.log import read_log
from afgen.train.loop import Part, train
from afgen.train.losers import LoserConfig, Losers, make_losers
from afgen.train.preference import (
    RECIPES,
    Contest,
    PreferenceRecipe,
    preference_task,
)
from afgen.train.recipe import find
from tests.generator.small import small_model
from tests.train.small import LEARNING, tiny_bank, tiny_loop, tiny_material, tiny_model, tiny_recipe

CONFIG = LoserConfig(nfe=3)


@pytest.fixture
def begun(tmp_path: Path) -> Checkpoint:
    path = tmp_path / "stage1.safetensors"
    model = small_model(tiny_model())
    save_generator(path, model, provenance={"made": "up"}, features=features_config("mesh"))
    return load_checkpoint(path)


def losers_of(begun: Checkpoint, folder: Path) -> Losers:
    return make_losers(generator_from(begun), tiny_material(), folder, CONFIG, {"from": "test"})


def test_losers_are_made_once_and_of_the_avatars_audio_alone(
    begun: Checkpoint, tmp_path: Path
) -> None:
    said: list[str] = []
    material, folder = tiny_material(), tmp_path / "losers"
    model = generator_from(begun)
    losers = make_losers(model, material, folder, CONFIG, {"from": "test"}, say=said.append)
    assert said == ["generated 2/2 losers"]
    motion_TD = np.load(losers.path("composed-000001"))
    assert motion_TD.shape == tiny_bank().motion_NTD.shape[1:]

    bank = tiny_bank()
    silent = dataclasses.replace(bank, user_audio_NTA=np.zeros_like(bank.user_audio_NTA))
    deaf = dataclasses.replace(material, composed=silent)
    again = make_losers(model, deaf, tmp_path / "again", CONFIG, {"from": "test"})
    assert np.array_equal(np.load(again.path("composed-000001")), motion_TD)

    make_losers(model, material, folder, CONFIG, {"from": "test"}, say=said.append)
    assert len(said) == 1
    with pytest.raises(OptionError, match="another origin"):
        make_losers(model, material, folder, CONFIG, {"from": "elsewhere"})


def test_a_losers_window_lies_where_the_winners_does(begun: Checkpoint, tmp_path: Path) -> None:
    losers = losers_of(begun, tmp_path / "losers")
    cuts = [Cut("composed-000000", 30, False), Cut("composed-000000", 30, True)]
    windows = losers.windows(cuts, 20)
    whole_TD = np.load(losers.path("composed-000000")).astype(np.float32)
    assert np.array_equal(windows[0], whole_TD[30:50])
    assert np.array_equal(windows[1], whole_TD[30:50] * load_body().mirror_D)


def test_at_the_start_nothing_is_preferred_and_the_loss_is_log_two(
    begun: Checkpoint, tmp_path: Path
) -> None:
    losers = losers_of(begun, tmp_path / "losers")
    forcing = Forcing.of(tiny_recipe(4).settings.forcing, "mesh", 1, "cpu")
    contest = Contest(forcing, trainable(begun), weight=0.1, beta=1000.0)
    model = trainable(begun)
    loss, margin_B = contest.preference(model, tiny_material(), losers, Part(3))
    assert loss.item() == pytest.approx(math.log(2), abs=1e-6)
    assert margin_B.abs().max() == 0
    total, told = contest.loss(model, tiny_material(), losers, Part(3))
    forced = forcing.loss(model, tiny_material(), Part(3))
    assert total.item() == pytest.approx(forced.item() + 0.1 * math.log(2), rel=1e-5)
    assert told["preferred"] == 0


@pytest.mark.slow
def test_a_tiny_run_prefers_winners_and_leaves_the_reference_alone(
    begun: Checkpoint, tmp_path: Path
) -> None:
    losers = losers_of(begun, tmp_path / "losers")
    settings = PreferenceRecipe(
        forcing=tiny_recipe(4).settings.forcing,
        learning=dataclasses.replace(LEARNING, learning_rate=1e-3),
        loop=tiny_loop(30),
    )
    both = (tiny_material(), losers)
    task = preference_task(settings, begun, both, both)
    learner = train(task, settings.loop, tmp_path / "run")
    entries = read_log(tmp_path / "run")
    assert np.mean([entry["preferred"] for entry in entries[-10:]]) > 0.8
    assert np.mean([entry["preference"] for entry in entries[-10:]]) < 0.6
    total = entries[-1]["evaluated.forcing"] + 0.1 * entries[-1]["evaluated.preference"]
    assert entries[-1]["evaluated.loss"] == pytest.approx(total)
    moved = learner.averages[GENERATOR].state_dict()["dual.out.weight"]
    assert not torch.equal(moved, begun.tensors["dual.out.weight"])


def test_recipes_are_the_papers() -> None:
    for recipe in RECIPES:
        settings = recipe.settings
        assert (settings.weight, settings.beta, settings.loop.steps) == (0.1, 1000.0, 5000)
    assert find("avatar-forcing-preference", RECIPES).settings.data.family == "lia"
