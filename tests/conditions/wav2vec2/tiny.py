"""A small network with weights made by rule, and a voice to hear."""

from functools import cache

import numpy as np
import torch

from afgen.clock import SAMPLES_PER_FRAME
from afgen.conditions.torchaudio_pure import models
from afgen.conditions.wav2vec2.config import KERNELS, STRIDES, Wav2Vec2Config
from afgen.conditions.wav2vec2.hugging_face import config_from_hugging_face, from_hugging_face
from afgen.conditions.wav2vec2.network import Wav2Vec2Network
from afgen.signals import Samples, to_samples, to_sound
from tests.rule_made import Wav2Vec2Size, by_rule, wav2vec2_layout

SIZE = Wav2Vec2Size(hidden=24, layers=3, heads=4, intermediate=48)
A = 3 * 24


def voice(frames: int, seed: int = 0, extra_samples: int = 0) -> Samples:
    """Coloured noise in syllables, with an offset as bad sound cards have it."""
    samples = frames * SAMPLES_PER_FRAME + extra_samples
    noise_S = np.convolve(np.random.default_rng(seed).normal(0, 0.1, samples + 3), np.ones(4) / 2)
    loud_S = 0.05 + np.sin(np.pi * 3 * np.arange(samples) / 16_000) ** 2
    return to_samples((noise_S[3 : samples + 3] * loud_S + 0.01).astype(np.float32))


@cache
def parts() -> tuple[Wav2Vec2Config, dict[str, torch.Tensor]]:
    config = config_from_hugging_face(SIZE.config(), {})
    return config, from_hugging_face(config, by_rule(wav2vec2_layout(SIZE)), where="rule")


@cache
def network() -> Wav2Vec2Network:
    return Wav2Vec2Network(*parts())


@cache
def torchaudio_model() -> torch.nn.Module:
    """The same weights in torchaudio's own model, weight normalisation and all."""
    config, tensors = parts()
    model = models.wav2vec2_model(
        extractor_mode="group_norm",
        extractor_conv_layer_config=[
            (config.channels, *each) for each in zip(KERNELS, STRIDES, strict=True)
        ],
        extractor_conv_bias=False,
        encoder_embed_dim=config.width,
        encoder_projection_dropout=0.0,
        encoder_pos_conv_kernel=config.position_kernel,
        encoder_pos_conv_groups=config.position_groups,
        encoder_num_layers=config.layers,
        encoder_num_heads=config.heads,
        encoder_attention_dropout=0.0,
        encoder_ff_interm_features=config.feed_forward,
        encoder_ff_interm_dropout=0.0,
        encoder_dropout=0.0,
        encoder_layer_norm_first=False,
        encoder_layer_drop=0.0,
        aux_num_out=None,
    )
    positions = model.encoder.transformer.pos_conv_embed.conv
    torch.nn.utils.parametrize.remove_parametrizations(positions, "weight")
    model.load_state_dict(tensors)
    return model.eval().requires_grad_(False)


def normalised(audio_S: Samples) -> torch.Tensor:
    """(1, S) with zero mean and unit variance, as Hugging Face's feature extractor makes it."""
    sound_S = to_sound(audio_S).astype(np.float64)
    sound_S = (sound_S - sound_S.mean()) / np.sqrt(sound_S.var() + 1e-7)
    return torch.from_numpy(sound_S.astype(np.float32))[None]
