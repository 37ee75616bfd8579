"""Tiny recipes, and conversations for them, that learn in seconds."""

import dataclasses
from functools import cache

import numpy as np

from afgen.conditions.logmel import LogMelFeatures
from afgen.data.bank import FIELDS, Bank
from afgen.data.body import load_body
from afgen.data.examples import ConversationConfig, compose
from afgen.generator.config import GeneratorConfig, portrait
from afgen.train.forcing import ForcingConfig
from afgen.train.generator import GeneratorRecipe
from afgen.train.loop import LearningConfig, LoopConfig
from afgen.train.material import Material
from afgen.train.recipe import Recipe
from tests.data.made import made_clips

LEARNING = LearningConfig(learning_rate=3e-3, warmup_steps=5)


@cache
def tiny_bank(conversations: int = 2) -> Bank:
    features, kind = LogMelFeatures(), ConversationConfig(seed=3, frames=150)
    examples = [
        compose(made_clips(3), load_body(), features, kind, index) for index in range(conversations)
    ]
    return Bank(
        *(np.stack([getattr(one, name) for one in examples]).astype(np.float16) for name in FIELDS)
    )


def tiny_material() -> Material:
    return Material(tiny_bank(), None, 0.0)


def tiny_model() -> GeneratorConfig:
    small = portrait(width=32, depth=1, heads=2)
    return dataclasses.replace(small, condition_width=32, condition_heads=2)


def tiny_loop(steps: int) -> LoopConfig:
    return LoopConfig(steps=steps, log_every=1, checkpoint_every=max(1, steps // 2))


def tiny_recipe(steps: int) -> Recipe[GeneratorRecipe]:
    settings = GeneratorRecipe(
        model=tiny_model(),
        loop=tiny_loop(steps),
        learning=LEARNING,
        forcing=ForcingConfig(batch_rows=4, window_frames=20),
    )
    return Recipe("tiny", "generator", "for tests", settings)
