"""Weights to begin with: refused before anything is made, remembered as long as the run goes on."""

import dataclasses
from pathlib import Path

import pytest

from afgen.checkpoint import Checkpoint
from afgen.errors import OptionError, WeightsMismatchError
from afgen.generator.model import MotionGenerator
from afgen.generator.weights import load_generator, save_generator
from afgen.train.checkpoints import write_checkpoint
from afgen.train.generator import GeneratorRecipe, features_config, train_generator
from afgen.train.given import BEGUN_WITH, check_fit, remembered, trainable
from afgen.train.material import DataConfig
from afgen.train.recipe import Recipe
from tests.data.made import made_clips, write_shards
from tests.train.small import tiny_loop, tiny_model, tiny_recipe

HEARD = features_config("mesh")


def checkpoint(sha256: str = "a" * 64, **config: object) -> Checkpoint:
    whole = {"generator": tiny_model().as_dict(), "features": HEARD, **config}
    return Checkpoint({}, whole, {"steps": 7}, sha256)


def test_only_a_generator_of_the_same_network_and_ears_fits() -> None:
    check_fit(checkpoint(), tiny_model(), HEARD)
    with pytest.raises(WeightsMismatchError, match="another network"):
        check_fit(checkpoint(), dataclasses.replace(tiny_model(), mlp_ratio=3), HEARD)
    with pytest.raises(WeightsMismatchError, match="audio features"):
        check_fit(checkpoint(features={**HEARD, "bands": 32}), tiny_model(), HEARD)
    with pytest.raises(WeightsMismatchError, match="not a generator"):
        trainable(Checkpoint({}, {"autoencoder": {}}, {}, ""))


def test_a_run_remembers_what_it_began_with(tmp_path: Path) -> None:
    assert remembered(tmp_path, None) == {}
    began = remembered(tmp_path, checkpoint())
    assert began == {BEGUN_WITH: {"sha256": "a" * 64, "steps": 7}}
    write_checkpoint(tmp_path, 1, {"players": {}, "provenance": began}, keep=1)
    assert remembered(tmp_path, None) == remembered(tmp_path, checkpoint()) == began
    with pytest.raises(OptionError, match="other weights"):
        remembered(tmp_path, checkpoint("b" * 64))


def test_a_run_that_began_at_random_goes_on_so(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, 1, {"players": {}, "provenance": {}}, keep=1)
    assert remembered(tmp_path, None) == {}
    with pytest.raises(OptionError, match="other weights"):
        remembered(tmp_path, checkpoint())


def small_run(**model: int) -> Recipe[GeneratorRecipe]:
    settings = dataclasses.replace(
        tiny_recipe(2).settings,
        model=dataclasses.replace(tiny_model(), **model),
        data=DataConfig(real_share=1.0, held_out_share=0.4),
        loop=tiny_loop(2),
    )
    return Recipe("tiny", "generator", "for tests", settings)


def test_weights_that_do_not_fit_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    write_shards(tmp_path / "shards", made_clips(6))
    begin = tmp_path / "begin.safetensors"
    save_generator(begin, MotionGenerator(tiny_model()), provenance={}, features=HEARD)
    run = tmp_path / "run"
    with pytest.raises(WeightsMismatchError):
        train_generator(tmp_path / "shards", run, small_run(mlp_ratio=3), begin=begin)
    assert not run.exists()


@pytest.mark.slow
def test_the_weights_that_come_out_tell_what_they_were_made_from(tmp_path: Path) -> None:
    write_shards(tmp_path / "shards", made_clips(6))
    begin = tmp_path / "begin.safetensors"
    provenance = {"licence": "theirs"}
    sha256 = save_generator(
        begin, MotionGenerator(tiny_model()), provenance=provenance, features=HEARD
    )
    run = tmp_path / "run"
    for first in (True, False):  # the second goes on without saying what it began with
        given = begin if first else None
        path = train_generator(tmp_path / "shards", run, small_run(), begin=given, resume=not first)
        _, made = load_generator(path)
        assert made.provenance[BEGUN_WITH] == {"sha256": sha256, "licence": "theirs"}
