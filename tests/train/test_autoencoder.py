import contextlib
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage

from afgen.autoencoder.lia.network import LiaNetwork
from afgen.autoencoder.lia.weights import load_autoencoder
from afgen.train.autoencoder import (
    AUTOENCODER,
    DISCRIMINATOR,
    RECIPES,
    SHEET,
    AutoencoderRecipe,
    autoencoder_task,
    draw,
    draw_batch,
    export_autoencoder,
    held_out_batch,
    sheet_of,
)
from afgen.train.checkpoints import written
from afgen.train.log import LOG, read_log
from afgen.train.loop import Learner, Part, train
from tests.train.mouths import SIZE, Mouths, tiny_recipe

LEARNED, HELD_OUT = Mouths(3), Mouths(2)


def learn(run_dir: Path, settings: AutoencoderRecipe, *, crash_at: int | None = None) -> Learner:
    def say(line: str) -> None:
        if crash_at is not None and line.startswith(f"step {crash_at}/"):
            raise KeyboardInterrupt

    task = autoencoder_task(settings, LEARNED, HELD_OUT)
    return train(task, settings.loop, run_dir, resume=True, say=say)


def test_mirrored_pairs_have_mirrored_regions() -> None:
    settings = dataclasses.replace(tiny_recipe().pairs, colour=0.0)
    plain, mirrored = (
        draw_batch(
            LEARNED, dataclasses.replace(settings, flip=share), np.random.default_rng(3), "cpu"
        )
        for share in (0.0, 1.0)
    )
    torch.testing.assert_close(mirrored.source_BCHW, plain.source_BCHW.flip(3))
    torch.testing.assert_close(mirrored.target_BCHW, plain.target_BCHW.flip(3))
    torch.testing.assert_close(mirrored.regions_BR4[..., 0], 1 - plain.regions_BR4[..., 2])
    torch.testing.assert_close(mirrored.regions_BR4[..., 1], plain.regions_BR4[..., 1])


def test_colours_change_alike_in_both_frames() -> None:
    settings = dataclasses.replace(tiny_recipe().pairs, flip=0.0, colour=0.2)
    batch = draw_batch(Mouths(1, length=1), settings, np.random.default_rng(3), "cpu")
    torch.testing.assert_close(batch.source_BCHW, batch.target_BCHW)
    assert (batch.source_BCHW[0] - batch.source_BCHW[1]).abs().mean() > 0.01


def test_a_part_is_drawn_from_its_step_and_index_alone() -> None:
    settings = tiny_recipe()
    player = autoencoder_task(settings, LEARNED, HELD_OUT).players[0]
    torch.manual_seed(5)
    first, _ = player.loss(player.model, Part(3, 1))
    torch.manual_seed(6)
    again, _ = player.loss(player.model, Part(3, 1))
    other, _ = player.loss(player.model, Part(3, 2))
    assert first.item() == again.item() != other.item()


def test_an_adversary_that_never_begins_is_no_player() -> None:
    task = autoencoder_task(tiny_recipe(steps=40, begins=40), LEARNED, HELD_OUT)
    assert [player.name for player in task.players] == [AUTOENCODER]


def test_before_it_begins_the_adversary_neither_learns_nor_is_heard() -> None:
    task = autoencoder_task(tiny_recipe(begins=2), LEARNED, HELD_OUT)
    drawer, judge = task.players
    assert (drawer.name, judge.name) == (AUTOENCODER, DISCRIMINATOR)
    loss, told = judge.loss(judge.model, Part(1))
    loss.backward()  # type: ignore[no-untyped-call]
    assert (loss.item(), told) == (0.0, {})
    assert all(not one.grad.any() for one in judge.model.parameters() if one.grad is not None)
    assert "adversarial" not in drawer.loss(drawer.model, Part(1))[1]
    assert "adversarial" in drawer.loss(drawer.model, Part(2))[1]
    assert judge.loss(judge.model, Part(2))[0].item() > 0


@pytest.mark.slow
def test_a_tiny_run_comes_closer_than_its_source(tmp_path: Path) -> None:
    settings = tiny_recipe(100)
    task = autoencoder_task(settings, Mouths(3, sway=0.12), Mouths(2, sway=0.12))
    train(task, settings.loop, tmp_path)
    entries = read_log(tmp_path)
    losses, told = [entry["loss"] for entry in entries], entries[-1]
    assert np.mean(losses[-20:]) < 0.8 * np.mean(losses[:20])
    assert told["evaluated.psnr_db"] > told["evaluated.copy_psnr_db"] + 2


@pytest.mark.slow
def test_a_resumed_run_repeats_the_uninterrupted_one_with_both_players(tmp_path: Path) -> None:
    settings = tiny_recipe(8, begins=3)
    whole = learn(tmp_path / "whole", settings)
    with contextlib.suppress(KeyboardInterrupt):
        learn(tmp_path / "broken", settings, crash_at=5)
    assert [path.name for path in written(tmp_path / "broken")][-1] == "step-00000004.pt"
    mended = learn(tmp_path / "broken", settings)
    assert (tmp_path / "broken" / LOG).read_bytes() == (tmp_path / "whole" / LOG).read_bytes()
    for name in (AUTOENCODER, DISCRIMINATOR):
        values = mended.averages[name].state_dict()
        for key, value in whole.averages[name].state_dict().items():
            assert torch.equal(value, values[key]), key
    entry = read_log(tmp_path / "whole")[-1]
    assert entry["discriminator.loss"] > 0 and "adversarial" in entry


def test_exported_weights_draw_what_the_average_draws(tmp_path: Path) -> None:
    settings = tiny_recipe(4)
    once = dataclasses.replace(settings.loop, evaluate_every=0)  # at the end: the last is the best
    settings = dataclasses.replace(settings, loop=once)
    learner = learn(tmp_path, settings)
    sha256 = export_autoencoder(tmp_path, tmp_path / "made.safetensors", settings)
    network, checkpoint = load_autoencoder(tmp_path / "made.safetensors", sha256=sha256)
    average = learner.averages[AUTOENCODER]
    assert isinstance(average, LiaNetwork)
    seen = held_out_batch(HELD_OUT, 4, "cpu")
    with torch.no_grad():
        torch.testing.assert_close(draw(network, seen), draw(average, seen), atol=1e-5, rtol=1e-5)
    vectors_DK = network.basis.vectors
    torch.testing.assert_close(vectors_DK.T @ vectors_DK, torch.eye(3), atol=1e-6, rtol=0)
    assert checkpoint.provenance["steps"] == 4


def test_sheets_are_written_while_learning(tmp_path: Path) -> None:
    learn(tmp_path, tiny_recipe(4))
    with PillowImage.open(tmp_path / "samples" / "step-00000004" / SHEET) as sheet:
        assert sheet.size == (2 * 3 * SIZE, 3 * SIZE)


def test_a_sheet_shows_source_target_and_drawing_side_by_side() -> None:
    seen = held_out_batch(HELD_OUT, 3, "cpu")
    sheet = sheet_of(seen, torch.ones_like(seen.target_BCHW))
    assert sheet.shape == (2 * SIZE, 6 * SIZE, 3)
    np.testing.assert_array_equal(sheet[:SIZE, :SIZE], HELD_OUT.pair(0, 0, 0).source_HWC)
    assert (sheet[:SIZE, 2 * SIZE : 3 * SIZE] == 255).all()


def test_every_recipe_has_a_network_of_its_size() -> None:
    for recipe in RECIPES:
        with torch.device("meta"):
            network = LiaNetwork(recipe.settings.model)
        assert recipe.name == f"lia-{network.config.size}"
        assert recipe.command == AUTOENCODER
