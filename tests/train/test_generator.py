import dataclasses
from pathlib import Path

import numpy as np
import pytest

from afgen.autoencoder.mesh.motion import EXPRESSION
from afgen.conditions.logmel import LogMelFeatures
from afgen.data.bank import FIELDS, Bank
from afgen.data.body import load_body
from afgen.data.conversations import ConversationConfig, compose
from afgen.data.listeners import Channel
from afgen.generator.config import GeneratorConfig, portrait
from afgen.train.generator import GeneratorRecipe, Presence, draw_presence, face_weights, learn
from afgen.train.log import read_log
from afgen.train.loop import LearningConfig, LoopConfig
from tests.data.made import made_clips


def tiny_model() -> GeneratorConfig:
    small = portrait(width=32, depth=1, heads=2)
    return dataclasses.replace(small, condition_width=32, condition_heads=2)


def tiny_bank(conversations: int = 2) -> Bank:
    features, kind = LogMelFeatures(), ConversationConfig(seed=3, frames=150)
    examples = [
        compose(made_clips(3), load_body(), features, kind, index) for index in range(conversations)
    ]
    return Bank(
        *(np.stack([getattr(one, name) for one in examples]).astype(np.float16) for name in FIELDS)
    )


def tiny_recipe(steps: int) -> GeneratorRecipe:
    loop = LoopConfig(steps=steps, log_every=1, checkpoint_every=steps // 2)
    learning = LearningConfig(learning_rate=3e-3, warmup_steps=5)
    return GeneratorRecipe(
        model=tiny_model(), loop=loop, learning=learning, batch_rows=4, window_frames=20
    )


def losses(out_dir: Path) -> list[float]:
    return [entry["loss"] for entry in read_log(out_dir)]


@pytest.mark.slow
def test_a_tiny_run_lowers_the_loss_and_its_resumption_is_exact(tmp_path: Path) -> None:
    bank, recipe = tiny_bank(), tiny_recipe(60)
    learn(bank, tmp_path / "whole", recipe)
    curve = losses(tmp_path / "whole")
    assert np.mean(curve[-10:]) < 0.9 * np.mean(curve[:5])

    def crash(line: str) -> None:
        if line.startswith("step 45/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(bank, tmp_path / "broken", recipe, say=crash)
    assert len(losses(tmp_path / "broken")) == 45
    learn(bank, tmp_path / "broken", recipe, resume=True)
    assert losses(tmp_path / "broken") == curve


def test_guidance_rows_are_drawn_as_often_as_said() -> None:
    presence = Presence()
    present_B3 = draw_presence(np.random.default_rng(0), 20_000, presence).numpy()
    share = {tuple(row): float((present_B3 == row).all(axis=1).mean()) for row in np.eye(3)}
    assert abs(share[(1.0, 0.0, 0.0)] - presence.avatar_audio) < 0.02
    assert abs(float((present_B3.sum(axis=1) == 0).mean()) - presence.nothing) < 0.02
    assert abs(float((present_B3 == [0, 1, 1]).all(axis=1).mean()) - presence.user) < 0.02


def test_face_weights_have_mean_one_and_favour_what_moves_lips_and_lids() -> None:
    weight_D = face_weights(3.0, 3.0).numpy()
    assert np.isclose(weight_D.mean(), 1)
    for channel in (Channel.JAW_OPEN, Channel.BLINK):
        action_K = np.abs(load_body().behaviour_KD[channel, EXPRESSION])
        assert weight_D[EXPRESSION][action_K.argmax()] > 1.3 * weight_D[0]
