"""A baseline with its weights: written after training, read to be measured."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from afgen.baseline.config import BaselineConfig
from afgen.baseline.model import WindowGenerator
from afgen.checkpoint import Checkpoint, config_from, fill, load_checkpoint, save_checkpoint
from afgen.errors import WeightsMismatchError
from afgen.generator.weights import randomised, ready_to_sample

PART = "baseline"  # of a checkpoint's configuration


def save_baseline(
    path: Path,
    model: WindowGenerator,
    *,
    provenance: Mapping[str, Any],
    features: Mapping[str, Any],
    dtype: torch.dtype | None = None,
) -> str:
    """Write the model, its configuration and that of the audio features it heard; the SHA-256."""
    config = {PART: model.config.as_dict(), "features": dict(features)}
    return save_checkpoint(
        path, model.state_dict(), config=config, provenance=provenance, dtype=dtype
    )


def load_baseline(path: Path, *, sha256: str | None = None) -> tuple[WindowGenerator, Checkpoint]:
    """The model, ready to sample from, and the checkpoint it was read from.

    `checkpoint.config["features"]` is the configuration of the audio features. Raises WeightsError
    of one kind or another.
    """
    checkpoint = load_checkpoint(path, sha256=sha256)
    return baseline_from(checkpoint), checkpoint


def baseline_from(
    checkpoint: Checkpoint,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> WindowGenerator:
    """The model a checkpoint holds, ready to sample from on `device`.

    Linear layers compute in `dtype`; all else stays float32. Raises WeightsMismatchError, and
    SetupError for a type that the processor lacks.
    """
    if PART not in checkpoint.config:
        raise WeightsMismatchError("these weights are not a baseline's")
    config = config_from(BaselineConfig, checkpoint.config[PART])
    with torch.device("meta"):
        model = WindowGenerator(config)
    fill(model.to_empty(device="cpu"), checkpoint.tensors)
    return ready_to_sample(model, device=device, dtype=dtype)


def untrained_baseline(
    config: BaselineConfig,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
) -> WindowGenerator:
    """A baseline with random weights everywhere, to measure speed with: it depends on none."""
    with torch.device("meta"):
        model = WindowGenerator(config)
    return ready_to_sample(randomised(model, seed), device=device, dtype=dtype)
