"""Every command that trains, small: a recipe, its overrides, the folder it leaves, going on."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from skimage import data

from afgen.generator.weights import load_generator
from afgen.media.images import save_png
from afgen.media.probe import probe
from afgen.train.log import read_log
from tests.cli.conftest import Afgen
from tests.data.made import made_clips, write_shards
from tests.data.test_dyads import write_dyads


def settings(**values: object) -> list[str]:
    return [part for key, value in values.items() for part in ("--set", f"{_key(key)}={value}")]


def _key(name: str) -> str:
    return name.replace("__", ".")


def tiny(steps: int, **more: object) -> Sequence[str]:
    return settings(
        loop__steps=steps,
        loop__log_every=1,
        loop__checkpoint_every=2,
        forcing__batch_rows=2,
        **more,
    )


MATERIAL = settings(bank__conversations=2, bank__kind__frames=150, data__held_out_conversations=1)
NETWORK = {"model__width": 32, "model__heads": 2, "model__depth": 1, "model__condition_width": 32}


def test_recipes_are_listed_with_their_settings(afgen: Afgen) -> None:
    listed = json.loads(afgen("train", "recipes", "--json").out)
    names = {one["recipe"]: one["command"] for one in listed}
    assert names["portrait"] == "generator" and names["portrait-preference"] == "preference"
    assert names["infp"] == "baseline"
    assert "loop.steps" in afgen("train", "recipes", "avatar-forcing").out
    unknown = afgen("train", "recipes", "potrait")
    assert unknown.code == 2 and "portrait" in unknown.err


def test_what_a_recipe_does_not_know_is_refused(afgen: Afgen, tmp_path: Path) -> None:
    run = ("train", "generator", tmp_path, "-o", tmp_path / "run")
    outcome = afgen(*run, "--set", "loop.step=3")
    assert outcome.code == 2 and "loop.steps" in outcome.err
    outcome = afgen(*run, "--recipe", "portrait-preference")
    assert outcome.code == 2 and "avatar-forcing" in outcome.err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_both_stages_are_trained_and_filmed_and_gone_on_with(afgen: Afgen, tmp_path: Path) -> None:
    write_shards(tmp_path / "shards", made_clips(4))
    save_png(data.astronaut(), tmp_path / "face.png")
    first, second = tmp_path / "stage1", tmp_path / "stage2"
    portrait = ("--portrait", tmp_path / "face.png", "--set", "loop.sample_every=4")
    begin = ("train", "generator", tmp_path / "shards", "-o", first)
    outcome = afgen(*begin, *tiny(4, **NETWORK), *MATERIAL, *portrait)
    assert outcome.code == 0, outcome.err
    assert len(read_log(first)) == 4
    assert probe(first / "samples" / "step-00000004" / "conversation.mp4").frames > 60
    recipe = json.loads((first / "recipe.json").read_text())
    assert recipe["settings"]["model"]["width"] == 32

    again = afgen(*begin)
    assert again.code == 2 and "another" in again.err
    assert afgen(*begin, "--resume").code == 0  # as it was begun; there is nothing left to do

    begin = ("train", "preference", tmp_path / "shards", "-o", second)
    stage1 = ("--from", first / "generator.safetensors")
    outcome = afgen(*begin, *stage1, *tiny(2, losers__nfe=3), *MATERIAL)
    assert outcome.code == 0, outcome.err
    _, checkpoint = load_generator(second / "generator.safetensors")
    assert checkpoint.provenance["recipe"] == "portrait-preference"
    assert checkpoint.provenance["stage1"]["recipe"] == "portrait"
    assert checkpoint.provenance["data"]["recordings"] == 4
    assert (second / "losers" / "composed-000001.npy").exists()


@pytest.mark.slow
def test_the_papers_recipe_learns_from_latents(afgen: Afgen, tmp_path: Path) -> None:
    write_dyads(tmp_path / "shards", count=12, frames=80)
    shape = NETWORK | {"model__motion_dim": 16, "data__held_out_share": 0.3, "mask": "paper-figure"}
    run = tmp_path / "run"
    begin = ("train", "generator", tmp_path / "shards", "-o", run, "--recipe", "avatar-forcing")
    outcome = afgen(*begin, *tiny(2, **shape))
    assert outcome.code == 0, outcome.err
    model, checkpoint = load_generator(run / "generator.safetensors")
    assert model.config.self_sees.beyond_frames == 2
    assert checkpoint.config["features"]["kind"] == "wav2vec2"


@pytest.mark.slow
def test_the_baseline_is_trained_by_the_same_command(afgen: Afgen, tmp_path: Path) -> None:
    write_shards(tmp_path / "shards", made_clips(4))
    begin = ("train", "baseline", tmp_path / "shards", "-o", tmp_path / "run")
    outcome = afgen(*begin, *tiny(2, model__depth=1), *MATERIAL)
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "run" / "baseline.safetensors").exists()
