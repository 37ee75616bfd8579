import dataclasses
from pathlib import Path

import numpy as np
import torch

from afgen.autoencoder.mesh.motion import EXPRESSION
from afgen.data.body import load_body
from afgen.data.dyads import dyads_in
from afgen.data.listeners import Channel
from afgen.data.shards import open_shards
from afgen.train.forcing import (
    Forcing,
    Presence,
    conditions_of,
    draw_presence,
    face_weights,
)
from afgen.train.generator import (
    generator_task,
)
from afgen.train.loop import Part
from afgen.train.material import Material
from tests.data.test_dyads import write_dyads
from tests.train.small import tiny_bank, tiny_material, tiny_recipe


def test_a_user_who_is_not_to_be_seen_is_heard_alone() -> None:
    material = dataclasses.replace(tiny_material(), user_motion=False)
    windows = material.windows(np.random.default_rng(0), 4, 20)
    seen = tiny_material().windows(np.random.default_rng(0), 4, 20)
    assert not windows.user_motion_BWD.any()
    assert seen.user_motion_BWD.any()
    assert windows.has_B3.tolist() == [[1, 1, 0]] * 4
    assert np.array_equal(windows.user_audio_BWA, seen.user_audio_BWA)


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


def test_face_weights_have_mean_one_and_favour_what_moves_lips_and_lids() -> None:
    weight_D = face_weights(3.0, 3.0).numpy()
    assert np.isclose(weight_D.mean(), 1)
    for channel in (Channel.JAW_OPEN, Channel.BLINK):
        action_K = np.abs(load_body().behaviour_KD[channel, EXPRESSION])
        assert weight_D[EXPRESSION][action_K.argmax()] > 1.3 * weight_D[0]
