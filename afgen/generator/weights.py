"""A generator with its weights: written after training, read for a render."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from afgen.checkpoint import Checkpoint, config_from, fill, load_checkpoint, save_checkpoint
from afgen.errors import WeightsMismatchError
from afgen.generator.config import GeneratorConfig
from afgen.generator.model import MotionGenerator
from afgen.nn.layout import lay_out_for_sampling


def save_generator(
    path: Path,
    model: MotionGenerator,
    *,
    provenance: Mapping[str, Any],
    features: Mapping[str, Any],
    dtype: torch.dtype | None = None,
) -> str:
    """Write the model, its configuration and that of the audio features it heard; the SHA-256."""
    config = {"generator": model.config.as_dict(), "features": dict(features)}
    return save_checkpoint(
        path, model.state_dict(), config=config, provenance=provenance, dtype=dtype
    )


def load_generator(path: Path, *, sha256: str | None = None) -> tuple[MotionGenerator, Checkpoint]:
    """The model, ready to sample from, and the checkpoint it was read from.

    `checkpoint.config["features"]` is the configuration of the audio features. Raises WeightsError
    of one kind or another.
    """
    checkpoint = load_checkpoint(path, sha256=sha256)
    return generator_from(checkpoint), checkpoint


def generator_from(checkpoint: Checkpoint) -> MotionGenerator:
    """The model a checkpoint holds, ready to sample from. Raises WeightsMismatchError."""
    if "generator" not in checkpoint.config:
        raise WeightsMismatchError("these weights are not a generator's")
    model = MotionGenerator(config_from(GeneratorConfig, checkpoint.config["generator"]))
    fill(model, checkpoint.tensors)
    lay_out_for_sampling(model)
    return model.eval().requires_grad_(False)
