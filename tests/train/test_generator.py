import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from afgen.autoencoder.mesh.motion import EXPRESSION
from afgen.checkpoint import load_checkpoint
from afgen.conditions.kinds import features_from
from afgen.data.body import load_body
from afgen.data.dyads import dyads_in
from afgen.data.listeners import Channel
from afgen.data.shards import open_shards
from afgen.generator.config import MASKS
from afgen.generator.weights import load_generator
from afgen.train.generator import (
    EVERYTHING,
    GENERATOR,
    PAPER_FORCING,
    RECIPES,
    Forcing,
    ForcingConfig,
    GeneratorRecipe,
    Presence,
    conditions_of,
    draw_presence,
    export_generator,
    face_weights,
    generator_task,
)
from afgen.train.log import read_log
from afgen.train.loop import Part, train
from afgen.train.material import DataConfig, Material
from afgen.train.recipe import find
from tests.data.test_dyads import write_dyads
from tests.train.small import tiny_bank, tiny_material, tiny_model, tiny_recipe


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


def test_a_user_who_is_not_to_be_seen_is_heard_alone() -> None:
    material = dataclasses.replace(tiny_material(), user_motion=False)
    windows = material.windows(np.random.default_rng(0), 4, 20)
    seen = tiny_material().windows(np.random.default_rng(0), 4, 20)
    assert not windows.user_motion_BWD.any()
    assert seen.user_motion_BWD.any()
    assert windows.has_B3.tolist() == [[1, 1, 0]] * 4
    assert np.array_equal(windows.user_audio_BWA, seen.user_audio_BWA)


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


def test_guidance_rows_are_drawn_as_often_as_said() -> None:
    presence = Presence()
    present_B3 = draw_presence(np.random.default_rng(0), 20_000, presence).numpy()
    share = {tuple(row): float((present_B3 == row).all(axis=1).mean()) for row in np.eye(3)}
    assert abs(share[(1.0, 0.0, 0.0)] - presence.avatar_audio) < 0.02
    assert abs(float((present_B3.sum(axis=1) == 0).mean()) - presence.nothing) < 0.02
    assert abs(float((present_B3 == [0, 1, 1]).all(axis=1).mean()) - presence.user) < 0.02


def test_what_a_recording_lacks_is_never_present(tmp_path: Path) -> None:
    write_dyads(tmp_path)
    recorded, _ = dyads_in(open_shards(tmp_path), "mesh", held_out_share=0)
    material = Material(tiny_bank(), recorded, 0.5)
    windows = material.windows(np.random.default_rng(4), 16, 40)
    names = [cut.conversation for cut in windows.cuts]
    composed = [name.startswith("composed") for name in names]
    assert 3 < sum(composed) < 13
    conditions = conditions_of(windows, torch.ones(16, 3))
    both = [one or int(name[-1]) % 2 == 1 for one, name in zip(composed, names, strict=True)]
    assert conditions.present_B3[:, 1].bool().tolist() == both
    assert conditions.present_B3[:, 0].all()


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


def test_held_out_loss_is_the_same_every_time_and_of_the_last_step_s_kind() -> None:
    settings = tiny_recipe(4).settings
    config = dataclasses.replace(settings.forcing, absolute_steps=100)
    model = generator_task(settings, tiny_material(), tiny_material()).players[0].model
    forcing = Forcing.of(config, "mesh", 1, "cpu")
    with torch.no_grad():
        early, late = (forcing.held_out_loss(model, tiny_material(), step) for step in (99, 100))
        assert forcing.held_out_loss(model, tiny_material(), 99) == early
        one = forcing.loss(model, tiny_material(), Part(3, 0)).item()
        other = forcing.loss(model, tiny_material(), Part(3, 1)).item()
    assert early != late
    assert one != other


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


def test_face_weights_have_mean_one_and_favour_what_moves_lips_and_lids() -> None:
    weight_D = face_weights(3.0, 3.0).numpy()
    assert np.isclose(weight_D.mean(), 1)
    for channel in (Channel.JAW_OPEN, Channel.BLINK):
        action_K = np.abs(load_body().behaviour_KD[channel, EXPRESSION])
        assert weight_D[EXPRESSION][action_K.argmax()] > 1.3 * weight_D[0]
