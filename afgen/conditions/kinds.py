"""The audio features a generator was trained on, from what its checkpoint says of them."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from afgen.checkpoint import config_from
from afgen.conditions.features import AudioFeatures
from afgen.conditions.logmel import LogMelConfig, LogMelFeatures
from afgen.errors import WeightsMismatchError


def features_from(
    config: Mapping[str, Any], tensors: Mapping[str, Tensor] | None = None
) -> AudioFeatures:
    """The extractor that `config["features"]` of a generator's checkpoint describes.

    `kind` says which one, log-mel where there is none; the other keys are its configuration.
    `tensors` are the weights of a kind that has any. Raises WeightsMismatchError.
    """
    settings = {key: value for key, value in config.items() if key != "kind"}
    kind = config.get("kind", "logmel")
    if kind == "logmel":
        return LogMelFeatures(config_from(LogMelConfig, settings))
    raise WeightsMismatchError(f"the weights want audio features of an unknown kind, {kind!r}")
