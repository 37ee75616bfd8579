"""wav2vec2-base as Hugging Face stores it: a folder with config.json and the weights, to our names.

Ours are torchaudio's, which differ in prefixes only, with one exception: the weight of the
positional convolution is stored as direction and length (weight normalisation, under an old and a
new pair of names) and becomes one tensor here.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from afgen.checkpoint import check_layout
from afgen.clock import SAMPLE_RATE_HZ
from afgen.conditions.wav2vec2.config import KERNELS, STRIDES, Wav2Vec2Config
from afgen.conditions.wav2vec2.network import build
from afgen.errors import WeightsDamagedError, WeightsMismatchError, WeightsMissingError

CONFIG: Final = "config.json"
PREPROCESSOR: Final = "preprocessor_config.json"
WEIGHTS: Final = ("model.safetensors", "pytorch_model.bin")  # the first that is there is read

_SIZES: Final = {  # their name of ours
    "hidden_size": "width",
    "num_hidden_layers": "layers",
    "num_attention_heads": "heads",
    "intermediate_size": "feed_forward",
    "num_conv_pos_embeddings": "position_kernel",
    "num_conv_pos_embedding_groups": "position_groups",
}
_BASE: Final = {  # what all of the base family have in common; the defaults of Hugging Face too
    "model_type": "wav2vec2",
    "feat_extract_norm": "group",
    "do_stable_layer_norm": False,
    "conv_bias": False,
    "conv_kernel": list(KERNELS),
    "conv_stride": list(STRIDES),
    "feat_extract_activation": "gelu",
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-5,
    "add_adapter": False,
    "adapter_attn_dim": None,
}
_MODEL = "wav2vec2."  # prefix in checkpoints that have a head
_HEADS = ("lm_head.", "quantizer.", "project_hid.", "project_q.")  # for text, and for pretraining
_UNUSED = "masked_spec_embed"  # stands for masked frames in training
_TRANSFORMER, _THEIR_TRANSFORMER = "encoder.transformer.", "encoder."
_PROJECTION, _THEIR_PROJECTION = "encoder.feature_projection.", "feature_projection."
_POSITIONS = "encoder.pos_conv_embed.conv."
_LENGTH_AND_DIRECTION = (
    ("parametrizations.weight.original0", "parametrizations.weight.original1"),
    ("weight_g", "weight_v"),
)
_WANTED = "Give the folder of facebook/wav2vec2-base-960h."


def convert_wav2vec2(
    folder: Path, read: Callable[[Path], Mapping[str, Tensor]]
) -> tuple[Wav2Vec2Config, dict[str, Tensor]]:
    """Sizes and weights of a Wav2Vec2Network from a Hugging Face folder.

    `read` opens a file of weights and runs no code in it. Raises WeightsMissingError,
    WeightsDamagedError, WeightsMismatchError, and what `read` raises.
    """
    settings = _json(folder / CONFIG)
    if settings is None:
        raise WeightsMissingError(f"{folder} has no {CONFIG}.", hint=_WANTED)
    paths = [folder / name for name in WEIGHTS if (folder / name).is_file()]
    if not paths:
        raise WeightsMissingError(f"{folder} has no {' and no '.join(WEIGHTS)}.", hint=_WANTED)
    config = config_from_hugging_face(settings, _json(folder / PREPROCESSOR) or {})
    return config, from_hugging_face(config, read(paths[0]), where=paths[0].name)


def config_from_hugging_face(
    settings: Mapping[str, Any], preprocessor: Mapping[str, Any]
) -> Wav2Vec2Config:
    """Sizes from config.json, and from preprocessor_config.json how sound is prepared.

    What is not said is as in wav2vec2-base. Raises WeightsMismatchError naming a setting that is
    not the base family's.
    """
    for key, wanted in _BASE.items():
        if settings.get(key, wanted) != wanted:
            raise WeightsMismatchError(
                f"{CONFIG} has {key} = {settings[key]!r} instead of {wanted!r}: this is no "
                "wav2vec2-base.",
                hint=_WANTED,
            )
    base = Wav2Vec2Config()
    widths = settings.get("conv_dim", [base.channels] * len(KERNELS))
    if not isinstance(widths, list) or len(widths) != len(KERNELS) or len(set(widths)) != 1:
        raise WeightsMismatchError(
            f"{CONFIG} has conv_dim = {widths!r} instead of {len(KERNELS)} times the same width.",
            hint=_WANTED,
        )
    if preprocessor.get("sampling_rate", SAMPLE_RATE_HZ) != SAMPLE_RATE_HZ:
        raise WeightsMismatchError(
            f"{PREPROCESSOR} has sampling_rate = {preprocessor['sampling_rate']!r} instead of "
            f"{SAMPLE_RATE_HZ}.",
            hint=_WANTED,
        )
    sizes = {
        ours: _size(settings.get(theirs, getattr(base, ours)), theirs)
        for theirs, ours in _SIZES.items()
    }
    for parts in ("heads", "position_groups"):
        if sizes["width"] % sizes[parts]:
            raise WeightsMismatchError(
                f"{CONFIG} divides hidden_size = {sizes['width']} into {sizes[parts]} {parts}."
            )
    normalize = bool(preprocessor.get("do_normalize", True))
    return dataclasses.replace(
        base, channels=_size(widths[0], "conv_dim"), normalize=normalize, **sizes
    )


def from_hugging_face(
    config: Wav2Vec2Config, weights: Mapping[str, Tensor], *, where: str
) -> dict[str, Tensor]:
    """Weights of a Wav2Vec2Network from those of Hugging Face's models, with or without a head.

    Raises WeightsMismatchError about `where`, naming what is missing, unexpected or misshapen.
    """
    prefix = _MODEL if any(name.startswith(_MODEL) for name in weights) else ""
    unused = (prefix + _UNUSED, *_HEADS)
    found = {name: tensor for name, tensor in weights.items() if not name.startswith(unused)}
    positions = prefix + _POSITIONS
    pairs = [(positions + length, positions + way) for length, way in _LENGTH_AND_DIRECTION]
    pair = next((pair for pair in pairs if not found.keys().isdisjoint(pair)), pairs[0])
    shapes = {name: tuple(tensor.shape) for name, tensor in build(config).state_dict().items()}
    layout = {prefix + _theirs(name): shape for name, shape in shapes.items()}
    direction_shape = layout.pop(positions + "weight")
    layout |= {pair[0]: (1, 1, config.position_kernel), pair[1]: direction_shape}
    check_layout(found, layout, where=where)
    found[positions + "weight"] = joined(found[pair[0]].float(), found[pair[1]].float())
    return {name: found[prefix + _theirs(name)].float() for name in shapes}


def joined(length_11K: Tensor, direction_OIK: Tensor) -> Tensor:
    """The weight that weight normalisation over all but the last dimension stands for.

    Salimans & Kingma 2016: w = g v / |v|, here with a length for each tap of the kernel.
    """
    norm_11K: Tensor = torch.linalg.vector_norm(direction_OIK, dim=(0, 1), keepdim=True)
    return direction_OIK * (length_11K / norm_11K)


def _theirs(ours: str) -> str:
    for mine, others in ((_TRANSFORMER, _THEIR_TRANSFORMER), (_PROJECTION, _THEIR_PROJECTION)):
        if ours.startswith(mine):
            return others + ours.removeprefix(mine)
    return ours


def _size(value: Any, key: str) -> int:
    if not isinstance(value, int) or value < 1:
        raise WeightsMismatchError(f"{CONFIG} has {key} = {value!r} instead of a size.")
    return value


def _json(path: Path) -> dict[str, Any] | None:
    """A file of settings; None where there is none."""
    if not path.is_file():
        return None
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsDamagedError(f"{path.name} cannot be read: {error}", hint=_WANTED) from error
    if not isinstance(settings, dict):
        raise WeightsDamagedError(f"{path.name} holds no settings.", hint=_WANTED)
    return settings
