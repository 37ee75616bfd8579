"""Weights that a run is given to begin with: whether they fit its recipe, and what it remembers."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from afgen.checkpoint import Checkpoint, config_from, fill
from afgen.errors import OptionError, WeightsMismatchError
from afgen.generator.config import GeneratorConfig
from afgen.generator.model import MotionGenerator
from afgen.train.checkpoints import last_checkpoint, read_checkpoint, written

BEGUN_WITH: Final = "begun_with"  # of a checkpoint's provenance


def network_of(checkpoint: Checkpoint) -> GeneratorConfig:
    """The sizes and masks of a generator. Raises WeightsMismatchError where it is none."""
    if "generator" not in checkpoint.config:
        raise WeightsMismatchError("these weights are not a generator's")
    return config_from(GeneratorConfig, checkpoint.config["generator"])


def trainable(checkpoint: Checkpoint) -> MotionGenerator:
    """The model of a checkpoint, laid out for learning, in float32. Raises WeightsMismatchError."""
    model = MotionGenerator(network_of(checkpoint))
    fill(model, checkpoint.tensors)
    return model


def check_fit(begun: Checkpoint, network: GeneratorConfig, features: Mapping[str, Any]) -> None:
    """Raises WeightsMismatchError where weights are of another network, or hear otherwise."""
    if network_of(begun) != network:
        raise WeightsMismatchError(
            "the weights to begin with are of another network than the recipe's",
            hint="Give the recipe they were trained with, and its --set model.* if there were any.",
        )
    if begun.config.get("features") != json.loads(json.dumps(features)):
        raise WeightsMismatchError(
            "the weights to begin with learned to hear by other audio features than the recipe's",
            hint="Choose the recipe of their family.",
        )


def remembered(run_dir: Path, begun: Checkpoint | None) -> dict[str, Any]:
    """What checkpoints say of the weights that a run began with; one to go on with tells it itself.

    Raises OptionError where the run in the folder began with others than `begun`.
    """
    now = None if begun is None else {"sha256": begun.sha256, **begun.provenance}
    if written(run_dir):
        before = read_checkpoint(last_checkpoint(run_dir))["provenance"].get(BEGUN_WITH)
        if now is not None and (before is None or before["sha256"] != now["sha256"]):
            raise OptionError(
                f"{run_dir} holds a run that began with other weights.",
                hint="Go on with it without --from, or choose another folder.",
            )
        now = before
    return {} if now is None else {BEGUN_WITH: now}
