"""The audio features a generator was trained on, from what its checkpoint says of them."""

from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor

from afgen.checkpoint import config_from
from afgen.conditions.features import AudioFeatures
from afgen.conditions.logmel import LogMelConfig, LogMelFeatures
from afgen.conditions.wav2vec2.config import Wav2Vec2Config
from afgen.conditions.wav2vec2.network import Wav2Vec2Network
from afgen.conditions.wav2vec2.streaming import StreamingConfig, StreamingWav2Vec2
from afgen.conditions.wav2vec2.whole import WholeConfig, WholeWav2Vec2
from afgen.errors import WeightsMismatchError

MODES: Final[Mapping[str, type[WholeConfig] | type[StreamingConfig]]] = {
    "whole": WholeConfig,
    "streaming": StreamingConfig,
}


def features_from(
    config: Mapping[str, Any],
    tensors: Mapping[str, Tensor] | None = None,
    *,
    device: torch.device | str = "cpu",
) -> AudioFeatures:
    """The extractor that `config["features"]` of a generator's checkpoint describes.

    `kind` says which one, and the other keys are its configuration:

        logmel    where there is no kind; the keys are those of LogMelConfig
        wav2vec2  `wav2vec2`, the sizes of the network, of which `tensors` are the weights; `mode`
                  "whole", where it says nothing, or "streaming"; the other keys are those of
                  WholeConfig or StreamingConfig

    Raises WeightsMismatchError.
    """
    settings = dict(config)
    kind = settings.pop("kind", "logmel")
    if kind == "logmel":
        return LogMelFeatures(config_from(LogMelConfig, settings))
    if kind == "wav2vec2":
        return _wav2vec2(settings, tensors, device)
    raise WeightsMismatchError(f"the weights want audio features of an unknown kind, {kind!r}")


def _wav2vec2(
    settings: dict[str, Any], tensors: Mapping[str, Tensor] | None, device: torch.device | str
) -> AudioFeatures:
    sizes, mode = settings.pop("wav2vec2", None), settings.pop("mode", "whole")
    if sizes is None or tensors is None:
        raise WeightsMismatchError("the generator hears through wav2vec2, which is not there")
    if mode not in MODES:
        raise WeightsMismatchError(f"the weights want wav2vec2 in an unknown mode, {mode!r}")
    config = config_from(MODES[mode], settings)
    network = Wav2Vec2Network(config_from(Wav2Vec2Config, sizes), tensors, device)
    if isinstance(config, WholeConfig):
        return WholeWav2Vec2(network, config)
    return StreamingWav2Vec2(network, config)
