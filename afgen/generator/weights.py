"""A generator with its weights: written after training, read for a render."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from afgen.checkpoint import Checkpoint, config_from, fill, load_checkpoint, save_checkpoint
from afgen.errors import WeightsMismatchError
from afgen.generator.config import GeneratorConfig, with_first_window
from afgen.generator.model import MotionGenerator
from afgen.nn.layout import lay_out_for_sampling

Network = TypeVar("Network", bound=nn.Module)


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


def generator_from(
    checkpoint: Checkpoint,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    first_frames: int | None = None,
) -> MotionGenerator:
    """The model a checkpoint holds, ready to sample from on `device`.

    Linear layers compute in `dtype`; all else stays float32. `first_frames` is another length of
    the first window, as `with_first_window`. Raises WeightsMismatchError, and SetupError for a
    type that the processor lacks.
    """
    if "generator" not in checkpoint.config:
        raise WeightsMismatchError("these weights are not a generator's")
    config = config_from(GeneratorConfig, checkpoint.config["generator"])
    if first_frames is not None:
        config = with_first_window(config, first_frames)
    with torch.device("meta"):
        model = MotionGenerator(config)
    fill(model.to_empty(device="cpu"), checkpoint.tensors)
    return ready_to_sample(model, device=device, dtype=dtype)


def untrained_generator(
    config: GeneratorConfig,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
) -> MotionGenerator:
    """A generator with random weights everywhere, to measure speed with: it depends on none."""
    with torch.device("meta"):
        model = MotionGenerator(config)
    return ready_to_sample(randomised(model, seed), device=device, dtype=dtype)


def randomised(model: Network, seed: int) -> Network:
    """A model made on the meta device, given random weights of about unit gain."""
    generator = torch.Generator().manual_seed(seed)
    model.to_empty(device="cpu")
    with torch.no_grad():
        for parameter in model.parameters():
            scale = parameter.shape[-1] ** -0.5 if parameter.ndim > 1 else 0.02
            parameter.normal_(std=scale, generator=generator)
    return model


def ready_to_sample(model: Network, *, device: torch.device | str, dtype: torch.dtype) -> Network:
    """The model on its device, laid out and frozen; it can be trained no more."""
    model = model.eval().requires_grad_(False).to(device)
    lay_out_for_sampling(model, dtype)
    return model
