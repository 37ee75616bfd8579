"""An autoencoder with its weights: written after training, read for rendering and measuring."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from afgen.autoencoder.lia.config import LiaConfig
from afgen.autoencoder.lia.network import LiaNetwork
from afgen.checkpoint import Checkpoint, config_from, fill, load_checkpoint, save_checkpoint
from afgen.errors import WeightsMismatchError


def save_autoencoder(path: Path, network: LiaNetwork, *, provenance: Mapping[str, Any]) -> str:
    """Write the network and its configuration; the SHA-256."""
    config = {"autoencoder": network.config.as_dict()}
    return save_checkpoint(path, network.state_dict(), config=config, provenance=provenance)


def load_autoencoder(path: Path, *, sha256: str | None = None) -> tuple[LiaNetwork, Checkpoint]:
    """The network, ready to draw with, and the checkpoint it was read from.

    Raises WeightsError of one kind or another.
    """
    checkpoint = load_checkpoint(path, sha256=sha256)
    return autoencoder_from(checkpoint), checkpoint


def autoencoder_from(checkpoint: Checkpoint, *, device: torch.device | str = "cpu") -> LiaNetwork:
    """The network a checkpoint holds, frozen, on `device`. Raises WeightsMismatchError."""
    if "autoencoder" not in checkpoint.config:
        raise WeightsMismatchError("these weights are not an autoencoder's")
    network = LiaNetwork(config_from(LiaConfig, checkpoint.config["autoencoder"]))
    fill(network, checkpoint.tensors)
    return network.to(device).eval().requires_grad_(False)
