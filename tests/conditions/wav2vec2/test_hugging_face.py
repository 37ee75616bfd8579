import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from afgen.conditions.torchaudio_pure import models
from afgen.conditions.wav2vec2.config import Wav2Vec2Config
from afgen.conditions.wav2vec2.hugging_face import (
    config_from_hugging_face,
    convert_wav2vec2,
    from_hugging_face,
    joined,
)
from afgen.errors import WeightsDamagedError, WeightsMismatchError, WeightsMissingError
from afgen.generator.config import released
from afgen.weights.reading import read_weights
from tests.conditions.wav2vec2.tiny import SIZE
from tests.rule_made import BASE_WAV2VEC2, by_rule, wav2vec2_layout, write_wav2vec2

CONFIG = config_from_hugging_face(SIZE.config(), {})
POSITIONS = "wav2vec2.encoder.pos_conv_embed.conv."
NEW_NAMES = {
    "weight_g": "parametrizations.weight.original0",
    "weight_v": "parametrizations.weight.original1",
}


def theirs() -> dict[str, Tensor]:
    return by_rule(wav2vec2_layout(SIZE))


def converted(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return from_hugging_face(CONFIG, weights, where="the file")


def same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("safetensors", [True, False])
def test_a_folder_in_either_format(tmp_path: Path, safetensors: bool) -> None:
    folder = write_wav2vec2(tmp_path / "model", SIZE, safetensors=safetensors)
    config, tensors = convert_wav2vec2(folder, read_weights)
    assert config == CONFIG
    assert same(tensors, converted(theirs()))


def test_the_public_sizes_are_the_defaults_and_fit_the_public_generator() -> None:
    config = config_from_hugging_face(BASE_WAV2VEC2.config(), {})
    assert config == Wav2Vec2Config()
    assert config.audio_dim == 9216 == released().audio_dim
    assert config_from_hugging_face({"model_type": "wav2vec2"}, {}) == config


def test_old_and_new_names_with_and_without_a_head_are_the_same_weights() -> None:
    expected = converted(theirs())
    new = {
        POSITIONS + NEW_NAMES.get(name.removeprefix(POSITIONS), name.removeprefix(POSITIONS))
        if name.startswith(POSITIONS)
        else name: tensor
        for name, tensor in theirs().items()
    }
    assert same(converted(new), expected)
    bare = {
        name.removeprefix("wav2vec2."): tensor
        for name, tensor in theirs().items()
        if not name.startswith("lm_head")
    }
    assert same(converted(bare), expected)
    pretrained = {**new, "quantizer.codevectors": torch.zeros(1), "project_q.bias": torch.zeros(1)}
    assert same(converted(pretrained), expected)


def test_half_precision_becomes_single() -> None:
    halves = {name: tensor.half() for name, tensor in theirs().items()}
    assert {tensor.dtype for tensor in converted(halves).values()} == {torch.float32}


def test_joined_is_torchs_weight_normalisation() -> None:
    conv = nn.utils.parametrizations.weight_norm(nn.Conv1d(12, 12, 5, groups=3), dim=2)
    length_11K, direction_OIK = (
        torch.randn(shape, generator=torch.Generator().manual_seed(0))
        for shape in ((1, 1, 5), (12, 4, 5))
    )
    with torch.no_grad():
        conv.parametrizations.weight.original0.copy_(length_11K)
        conv.parametrizations.weight.original1.copy_(direction_OIK)
    torch.testing.assert_close(joined(length_11K, direction_OIK), conv.weight.detach())


class _Part:
    """A part of a Hugging Face model, as far as torchaudio's importer looks at it."""

    def __init__(self, weights: Mapping[str, Tensor], prefix: str) -> None:
        self._weights = {
            name.removeprefix(prefix): tensor
            for name, tensor in weights.items()
            if name.startswith(prefix)
        }

    def state_dict(self) -> dict[str, Tensor]:
        return self._weights


class Wav2Vec2ForCTC:
    """torchaudio's importer goes by the name of the class."""

    def __init__(self, weights: Mapping[str, Tensor], settings: dict[str, Any]) -> None:
        rates = dict.fromkeys(
            ("feat_proj_dropout", "attention_dropout", "activation_dropout", "hidden_dropout"), 0.0
        )
        self.config = SimpleNamespace(**settings, **rates, layerdrop=0.0)
        self.lm_head = _Part(weights, "lm_head.")
        self.wav2vec2 = SimpleNamespace(
            feature_extractor=_Part(weights, "wav2vec2.feature_extractor."),
            feature_projection=_Part(weights, "wav2vec2.feature_projection."),
            encoder=_Part(weights, "wav2vec2.encoder."),
        )


def test_names_are_those_of_torchaudios_own_importer() -> None:
    original = Wav2Vec2ForCTC(theirs(), SIZE.config())
    model = models.wav2vec2.utils.import_huggingface_model(original)
    positions = model.encoder.transformer.pos_conv_embed.conv
    nn.utils.parametrize.remove_parametrizations(positions, "weight")
    expected = {
        name: tensor for name, tensor in model.state_dict().items() if not name.startswith("aux.")
    }
    ours = converted(theirs())
    assert ours.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(
            ours[name], tensor, msg=lambda text, name=name: f"{name}: {text}"
        )


@pytest.mark.parametrize(
    "missing",
    [
        "wav2vec2.encoder.layers.2.attention.k_proj.weight",
        "wav2vec2.feature_extractor.conv_layers.0.layer_norm.bias",
        POSITIONS + "weight_g",
    ],
)
def test_a_missing_entry_is_named(missing: str) -> None:
    weights = theirs()
    del weights[missing]
    with pytest.raises(WeightsMismatchError, match=f"the file lacks '{missing}'"):
        converted(weights)


def test_unexpected_and_misshapen_entries_are_named() -> None:
    extra = "wav2vec2.adapter.layers.0.conv.weight"
    with pytest.raises(WeightsMismatchError, match=f"unexpected '{extra}'"):
        converted({**theirs(), extra: torch.zeros(1)})
    name = "wav2vec2.feature_projection.projection.weight"
    with pytest.raises(WeightsMismatchError, match=rf"misshapen '{name}' \(24, 17\)"):
        converted({**theirs(), name: torch.zeros(24, 17)})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("do_stable_layer_norm", True),
        ("feat_extract_norm", "layer"),
        ("conv_bias", True),
        ("model_type", "hubert"),
        ("hidden_act", "relu"),
        ("add_adapter", True),
        ("conv_stride", [5, 2, 2, 2, 2, 2, 1]),
        ("conv_dim", [512, 256, 512, 512, 512, 512, 512]),
        ("conv_dim", 512),
        ("hidden_size", "wide"),
        ("num_hidden_layers", 0),
        ("num_attention_heads", 5),
    ],
)
def test_another_model_than_base_is_told_by_its_settings(key: str, value: object) -> None:
    with pytest.raises(WeightsMismatchError, match=key.removeprefix("num_attention_")):
        config_from_hugging_face({**SIZE.config(), key: value}, {})


def test_how_sound_is_prepared_is_read_where_it_is_said(tmp_path: Path) -> None:
    folder = write_wav2vec2(tmp_path, SIZE)
    preprocessor = folder / "preprocessor_config.json"
    preprocessor.write_text(json.dumps({"do_normalize": False, "sampling_rate": 16000}))
    assert not convert_wav2vec2(folder, read_weights)[0].normalize
    preprocessor.write_text(json.dumps({"sampling_rate": 8000}))
    with pytest.raises(WeightsMismatchError, match="sampling_rate = 8000"):
        convert_wav2vec2(folder, read_weights)


def test_a_folder_without_its_files_says_which(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError, match=r"no config\.json"):
        convert_wav2vec2(tmp_path, read_weights)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(WeightsDamagedError, match=r"config\.json cannot be read"):
        convert_wav2vec2(tmp_path, read_weights)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(WeightsDamagedError, match="no settings"):
        convert_wav2vec2(tmp_path, read_weights)
    (tmp_path / "config.json").write_text(json.dumps(SIZE.config()))
    with pytest.raises(WeightsMissingError, match=r"no model\.safetensors"):
        convert_wav2vec2(tmp_path, read_weights)
