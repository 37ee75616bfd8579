"""Checkpoints in the public layout with weights made by a rule, at any size.

The names and shapes are our own statement of the layout, so the tests need none of the published
files. The rule (weights seeded by the CRC-32 of their name) is that of the reference vectors, so
where these lie beside the checkout a rule-made checkpoint of their size must reproduce them.
"""

import argparse
import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from safetensors.torch import save_file
from torch import Tensor

Layout = dict[str, tuple[int, ...]]

AUTOENCODER, PROJECTION = "motion_autoencoder.", "audio_encoder.audio_projection."
TRANSFORMER = "flow_transformer."


def seeded(text: str, shape: tuple[int, ...]) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(zlib.crc32(text.encode())))


def given(name: str, *shape: int, scale: float = 1.0) -> Tensor:
    """An input of the reference vectors."""
    return scale * seeded("shared." + name, shape)


def weight(name: str, shape: tuple[int, ...]) -> Tensor:
    """The weight of this name, as the reference vectors have it."""
    values = seeded(name, shape)
    if name.startswith("motion_autoencoder"):
        small = name.endswith("bias") or "noise" in name or len(shape) == 1
        return 0.1 * values if small else values
    if len(shape) > 1:
        return values / shape[-1] ** 0.5
    return 0.02 * values if name.endswith("bias") else 1 + 0.1 * values


def by_rule(layout: Layout) -> dict[str, Tensor]:
    return {name: weight(name, shape) for name, shape in layout.items()}


# --- the motion latent autoencoder -----------------------------------------------------------


def channels(resolution: int) -> int:
    return {64: 256, 128: 128, 256: 64, 512: 32}.get(resolution, 512)


def autoencoder_layout(size: int = 64, latent: int = 512, directions: int = 20) -> Layout:
    """Names and shapes of motion_autoencoder.pth for pictures of `size` pixels, less buffers."""
    named = _encoder(size, latent, directions) | _decoder(size, latent, directions)
    return {AUTOENCODER + name: shape for name, shape in named.items()}


def _encoder(size: int, latent: int, directions: int) -> Layout:
    net, levels = "enc.net_app.convs.", int(math.log2(size)) - 2
    named: Layout = {
        f"{net}0.0.weight": (channels(size), 3, 1, 1),
        f"{net}0.1.bias": (1, channels(size), 1, 1),
    }
    for level in range(1, levels + 1):
        wide, narrow = channels(size >> level), channels(size >> (level - 1))
        named |= {
            f"{net}{level}.conv1.0.weight": (narrow, narrow, 3, 3),
            f"{net}{level}.conv1.1.bias": (1, narrow, 1, 1),
            f"{net}{level}.conv2.1.weight": (wide, narrow, 3, 3),
            f"{net}{level}.conv2.2.bias": (1, wide, 1, 1),
            f"{net}{level}.skip.1.weight": (wide, narrow, 1, 1),
        }
    named[f"{net}{levels + 1}.weight"] = (latent, channels(4), 4, 4)
    for layer, out in enumerate((latent, latent, latent, latent, directions)):
        named |= {f"enc.fc.{layer}.weight": (out, latent), f"enc.fc.{layer}.bias": (out,)}
    return named


def _decoder(size: int, latent: int, directions: int) -> Layout:
    first = channels(4)
    named: Layout = {
        "dec.direction.weight": (512, directions),
        "dec.input.input": (1, first, 4, 4),
        **_styled("dec.conv1", first, first, latent),
        "dec.to_rgb1.bias": (1, 3, 1, 1),
        "dec.to_rgb1.conv.0.weight": (3, first, 1, 1),
        "dec.to_rgb1.conv.1.bias": (1, 3, 1, 1),
    }
    for level in range(int(math.log2(size)) - 2):
        before, after = channels(4 << level), channels(8 << level)
        named |= _styled(f"dec.convs.{2 * level}", before, after, latent)
        named |= _styled(f"dec.convs.{2 * level + 1}", after, after, latent)
        named |= {
            f"dec.to_rgbs.{level}.bias": (1, 3, 1, 1),
            f"dec.to_rgbs.{level}.conv.0.weight": (3, after, 1, 1),
            f"dec.to_rgbs.{level}.conv.1.bias": (1, 3, 1, 1),
            f"dec.to_flows.{level}.bias": (1, 3, 1, 1),
            f"dec.to_flows.{level}.conv.weight": (1, 3, after, 1, 1),
            f"dec.to_flows.{level}.conv.modulation.weight": (after, latent),
            f"dec.to_flows.{level}.conv.modulation.bias": (after,),
        }
    return named


def _styled(name: str, before: int, after: int, latent: int) -> Layout:
    return {
        f"{name}.conv.weight": (1, after, before, 3, 3),
        f"{name}.conv.modulation.weight": (before, latent),
        f"{name}.conv.modulation.bias": (before,),
        f"{name}.noise.weight": (1,),
        f"{name}.activate.bias": (1, after, 1, 1),
    }


def autoencoder_buffers(size: int = 64) -> dict[str, Tensor]:
    """The blur kernels that the public files hold beside the weights."""
    tap = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    down = torch.outer(tap, tap)
    buffers = {}
    for level in range(int(math.log2(size)) - 2):
        block = f"enc.net_app.convs.{level + 1}"
        buffers |= {f"{block}.conv2.0.kernel": down, f"{block}.skip.0.kernel": down}
        for place in (f"convs.{2 * level}.conv.blur", f"to_rgbs.{level}.upsample"):
            buffers[f"dec.{place}.kernel"] = 4 * down
        buffers[f"dec.to_flows.{level}.upsample.kernel"] = 4 * down
    return {AUTOENCODER + name: kernel.clone() for name, kernel in buffers.items()}


def autoencoder_weights(size: int = 64) -> dict[str, Tensor]:
    """All of motion_autoencoder.pth: weights by the rule, and the buffers."""
    return by_rule(autoencoder_layout(size)) | autoencoder_buffers(size)


# --- the motion generator --------------------------------------------------------------------


@dataclass(frozen=True)
class GeneratorSize:
    """The defaults are those of the reference vectors `generator_small`; heads is not stored."""

    motion: int = 64
    audio: int = 9216
    condition: int = 64
    width: int = 128
    depth: int = 3
    heads: int = 4


SMALL = GeneratorSize()
PUBLIC = GeneratorSize(motion=512, condition=512, width=1024, depth=8, heads=8)
TINY = GeneratorSize(motion=512, audio=12 * 32, condition=32, width=64, depth=2, heads=4)


def generator_layout(size: GeneratorSize = SMALL) -> Layout:
    """Names and shapes of flow_transformer.pth, less buffers."""
    return (
        {PROJECTION + name: shape for name, shape in _linear_norm(size.audio, size.condition)}
        | _embedders(size)
        | _dual_motion_encoder(size)
        | {
            name: shape
            for layer in range(size.depth)
            for name, shape in _block(f"{TRANSFORMER}blocks.{layer}.", size.width).items()
        }
        | _linear(TRANSFORMER + "adaLN_modulation.1", size.width, 6 * size.width)
        | _linear(TRANSFORMER + "final_layer.adaLN_modulation.1", size.width, 2 * size.width)
        | _linear(TRANSFORMER + "final_layer.linear", size.width, size.motion)
    )


def _linear(name: str, before: int, after: int) -> Layout:
    return {f"{name}.weight": (after, before), f"{name}.bias": (after,)}


def _linear_norm(before: int, after: int) -> list[tuple[str, tuple[int, ...]]]:
    return [
        ("0.weight", (after, before)),
        ("0.bias", (after,)),
        ("1.weight", (after,)),
        ("1.bias", (after,)),
    ]


def _embedders(size: GeneratorSize) -> Layout:
    return (
        _linear(TRANSFORMER + "x_embedder.proj", 2 * size.motion, size.width)
        | _linear(TRANSFORMER + "t_embedder.mlp.0", 256, size.width)
        | _linear(TRANSFORMER + "t_embedder.mlp.2", size.width, size.width)
    )


def _dual_motion_encoder(size: GeneratorSize) -> Layout:
    place, width = TRANSFORMER + "c_embedder.", size.condition
    named = _linear(place + "motion_embedder.0", size.motion, width)
    named |= _linear(place + "motion_embedder.3", width, width)
    named |= _linear(place + "to_cond_user", width, size.width)
    for attention in ("dual_modal_attn", "user_agent_attn"):
        named |= {
            f"{place}{attention}.in_proj_weight": (3 * width, width),
            f"{place}{attention}.in_proj_bias": (3 * width,),
        }
        named |= _linear(f"{place}{attention}.out_proj", width, width)
    for norm in ("motion_embedder.1", "motion_embedder.4", "ln1", "ln2"):
        named |= {f"{place}{norm}.weight": (width,), f"{place}{norm}.bias": (width,)}
    return named


def _block(place: str, width: int) -> Layout:
    return (
        _linear(place + "attn.qkv", width, 3 * width)
        | _linear(place + "attn.proj", width, width)
        | _linear(place + "mlp.fc1", width, 4 * width)
        | _linear(place + "mlp.fc2", 4 * width, width)
        | _linear(place + "cross_attn.kv", width, 2 * width)
        | _linear(place + "cross_attn.q", width, width)
        | _linear(place + "cross_attn.proj", width, width)
    )


def generator_buffers(frames: int = 50, block: int = 10, ahead: int = 2) -> dict[str, Tensor]:
    """The two tables of what sees what that the public file holds; True is hidden."""
    query, key = torch.arange(frames)[:, None], torch.arange(frames)[None]
    seen = (key // block < query // block) | (key <= query + ahead)
    return {
        TRANSFORMER + "alignment_mask": (query - key).abs() > ahead,
        TRANSFORMER + "block_bidir_causal_lookahead_mask": ~seen,
    }


def generator_weights(size: GeneratorSize = SMALL) -> dict[str, Tensor]:
    """All of flow_transformer.pth: weights by the rule, and the buffers."""
    return by_rule(generator_layout(size)) | generator_buffers()


# --- wav2vec2 as Hugging Face stores it --------------------------------------------------------


@dataclass(frozen=True)
class Wav2Vec2Size:
    """Small by default. `hidden * layers` is the width of the features."""

    hidden: int = 32
    layers: int = 12
    heads: int = 4
    intermediate: int = 48
    conv: int = 16
    position_kernel: int = 16
    position_groups: int = 4

    kernels: ClassVar = (10, 3, 3, 3, 3, 2, 2)
    strides: ClassVar = (5, 2, 2, 2, 2, 2, 2)

    def config(self) -> dict[str, object]:
        """What config.json holds, as far as it decides the computation."""
        return {
            "model_type": "wav2vec2",
            "architectures": ["Wav2Vec2ForCTC"],
            "hidden_size": self.hidden,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "intermediate_size": self.intermediate,
            "hidden_act": "gelu",
            "layer_norm_eps": 1e-5,
            "do_stable_layer_norm": False,
            "conv_dim": [self.conv] * 7,
            "conv_kernel": list(self.kernels),
            "conv_stride": list(self.strides),
            "conv_bias": False,
            "num_feat_extract_layers": 7,
            "feat_extract_norm": "group",
            "feat_extract_activation": "gelu",
            "num_conv_pos_embeddings": self.position_kernel,
            "num_conv_pos_embedding_groups": self.position_groups,
            "vocab_size": 32,
        }


TINY_WAV2VEC2 = Wav2Vec2Size()
WIDE_WAV2VEC2 = Wav2Vec2Size(hidden=96, layers=96)  # 9216 features, in few weights
BASE_WAV2VEC2 = Wav2Vec2Size(
    hidden=768, heads=12, intermediate=3072, conv=512, position_kernel=128, position_groups=16
)


def wav2vec2_layout(size: Wav2Vec2Size = TINY_WAV2VEC2) -> Layout:
    """Names and shapes of Hugging Face's Wav2Vec2ForCTC, the form of wav2vec2-base-960h."""
    return (
        {"wav2vec2.masked_spec_embed": (size.hidden,), "lm_head.weight": (32, size.hidden)}
        | {"lm_head.bias": (32,)}
        | {"wav2vec2." + name: shape for name, shape in _listening(size).items()}
        | {"wav2vec2.encoder." + name: shape for name, shape in _positions(size).items()}
        | {
            name: shape
            for layer in range(size.layers)
            for name, shape in _layer(f"wav2vec2.encoder.layers.{layer}.", size).items()
        }
    )


def _norm(name: str, width: int) -> Layout:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _listening(size: Wav2Vec2Size) -> Layout:
    layers = "feature_extractor.conv_layers."
    named: Layout = _norm(f"{layers}0.layer_norm", size.conv)
    for layer, kernel in enumerate(size.kernels):
        named[f"{layers}{layer}.conv.weight"] = (size.conv, size.conv if layer else 1, kernel)
    named |= _norm("feature_projection.layer_norm", size.conv)
    return named | _linear("feature_projection.projection", size.conv, size.hidden)


def _positions(size: Wav2Vec2Size) -> Layout:
    kernel, group = size.position_kernel, size.hidden // size.position_groups
    return {
        "pos_conv_embed.conv.bias": (size.hidden,),
        "pos_conv_embed.conv.weight_g": (1, 1, kernel),
        "pos_conv_embed.conv.weight_v": (size.hidden, group, kernel),
        **_norm("layer_norm", size.hidden),
    }


def _layer(place: str, size: Wav2Vec2Size) -> Layout:
    named: Layout = {}
    for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
        named |= _linear(f"{place}attention.{part}", size.hidden, size.hidden)
    named |= _linear(place + "feed_forward.intermediate_dense", size.hidden, size.intermediate)
    named |= _linear(place + "feed_forward.output_dense", size.intermediate, size.hidden)
    named |= _norm(place + "layer_norm", size.hidden)
    return named | _norm(place + "final_layer_norm", size.hidden)


# --- files ---------------------------------------------------------------------------------


def write_autoencoder(path: Path, size: int = 64) -> Path:
    """motion_autoencoder.pth"""
    torch.save(autoencoder_weights(size), path)
    return path


def write_generator(path: Path, size: GeneratorSize = SMALL) -> Path:
    """flow_transformer.pth"""
    torch.save(generator_weights(size), path)
    return path


def write_lia(path: Path, size: int = 64) -> Path:
    """vox.pt: LIA's trainer keeps the generator beside its optimizer and its arguments."""
    weights = {
        name.removeprefix(AUTOENCODER): tensor for name, tensor in autoencoder_weights(size).items()
    }
    arguments = argparse.Namespace(size=size, batch_size=8, lr=0.002, resume_ckpt=None)
    kept = {"gen": weights, "dis": {"conv.weight": torch.zeros(1)}, "args": arguments}
    torch.save(kept, path)
    return path


def write_float(path: Path, size: int = 64) -> Path:
    """float.pth: the autoencoder's part, and entries of the rest of FLOAT."""
    rest = {"fmt.x_embedder.proj.bias": (8,), "fmt.alignment_mask": (4, 4)}
    torch.save(autoencoder_weights(size) | by_rule(rest), path)
    return path


def write_wav2vec2(
    folder: Path, size: Wav2Vec2Size = TINY_WAV2VEC2, *, safetensors: bool = True
) -> Path:
    """A Hugging Face folder: config.json and the weights in one of the two usual formats."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(size.config(), indent=2))
    weights: Mapping[str, Tensor] = by_rule(wav2vec2_layout(size))
    if safetensors:
        save_file(dict(weights), folder / "model.safetensors", {"format": "pt"})
    else:
        torch.save(weights, folder / "pytorch_model.bin")
    return folder


@dataclass(frozen=True)
class PublicFiles:
    """What a user has after downloading the method's checkpoints."""

    autoencoder: Path
    generator: Path
    wav2vec2: Path


def write_public_files(
    folder: Path,
    *,
    size: int = 64,
    generator: GeneratorSize = TINY,
    wav2vec2: Wav2Vec2Size = TINY_WAV2VEC2,
) -> PublicFiles:
    """A small set that fits together: motion of 512 numbers, features of 12 x 32."""
    folder.mkdir(parents=True, exist_ok=True)
    return PublicFiles(
        write_autoencoder(folder / "motion_autoencoder.pth", size),
        write_generator(folder / "flow_transformer.pth", generator),
        write_wav2vec2(folder / "wav2vec2-base-960h", wav2vec2),
    )
