"""The network, in two steps that can be done span by span: convolutions, then the transformer.

It is torchaudio's wav2vec 2.0, with the weight normalisation of its positional convolution folded
into the weights. In between, its features are brought from 50 to 25 a second.

Shape letters: S samples, L outputs of the convolutions (50 a second), T frames (25 a second),
C channels, A = layers x width features.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the name everybody reads)

from afgen.checkpoint import fill
from afgen.clock import SAMPLES_PER_FRAME
from afgen.conditions.torchaudio_pure import models
from afgen.conditions.wav2vec2.config import (
    HOP_SAMPLES,
    KERNELS,
    REACH_SAMPLES,
    STRIDES,
    Wav2Vec2Config,
)
from afgen.conditions.wav2vec2.moments import Moments
from afgen.signals import Samples, to_sound

_FIRST: Final = "feature_extractor.conv_layers.0."
_FIRST_PARTS: Final = ("conv.weight", "layer_norm.weight", "layer_norm.bias")
_PIECE: Final = 500  # outputs of the convolutions made at a time: the first is 33 MB then


def build(config: Wav2Vec2Config) -> nn.Module:
    """torchaudio's model of these sizes without weights (on the meta device)."""
    with torch.device("meta"):
        model: nn.Module = models.wav2vec2_model(
            extractor_mode="group_norm",
            extractor_conv_layer_config=[
                (config.channels, kernel, stride)
                for kernel, stride in zip(KERNELS, STRIDES, strict=True)
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
    positions = model.get_submodule("encoder.transformer.pos_conv_embed.conv")
    nn.utils.parametrize.remove_parametrizations(positions, "weight")
    return model


class Wav2Vec2Network:
    """Frozen weights of one network. Holds constants only.

    Raises WeightsMismatchError on weights that are not torchaudio's of these sizes.
    """

    def __init__(
        self,
        config: Wav2Vec2Config,
        tensors: Mapping[str, Tensor],
        device: torch.device | str = "cpu",
    ) -> None:
        self.config = config
        model = build(config).to_empty(device=device)
        fill(model, tensors)
        model.eval().requires_grad_(False)
        self._device = torch.device(device)
        self._convolutions: Any = model.get_submodule("feature_extractor.conv_layers")
        self._encoder: Any = model.get_submodule("encoder")
        first = {name: tensors[_FIRST + name].double().cpu().numpy() for name in _FIRST_PARTS}
        self._weight_CK = first["conv.weight"][:, 0]
        self._gain_C, self._bias_C = first["layer_norm.weight"], first["layer_norm.bias"]

    @torch.inference_mode()
    def convolve(self, audio_S: Samples, start: int, end: int, moments: Moments) -> Tensor:
        """Outputs number `start` to `end` of the convolutions, (L, C); silence after the sound.

        Number n hears the 400 samples from 320 n on, and all of the sound by way of `moments`.
        """
        if end <= start:
            return torch.zeros(0, self.config.channels, device=self._device)
        folded = moments.fold(self._weight_CK, self._gain_C, self._bias_C, self.config.normalize)
        weight_CK = torch.from_numpy((self._weight_CK * folded.scale_C[:, None]).astype(np.float32))
        shift_C = torch.from_numpy(folded.shift_C.astype(np.float32)).to(self._device)
        first_C1K = weight_CK[:, None].to(self._device)
        pieces = [
            self._convolved(_sound(audio_S, piece, min(piece + _PIECE, end)), first_C1K, shift_C)
            for piece in range(start, end, _PIECE)
        ]
        return torch.cat(pieces)

    def _convolved(self, sound_S: Tensor, first_C1K: Tensor, shift_C: Tensor) -> Tensor:
        sound_11S = sound_S.to(self._device)[None, None]
        x_1CL: Tensor = F.gelu(F.conv1d(sound_11S, first_C1K, shift_C, STRIDES[0]))
        for layer in self._convolutions[1:]:
            x_1CL, _ = layer(x_1CL, None)
        return x_1CL[0].T

    @torch.inference_mode()
    def transform(self, heard_TC: Tensor) -> Tensor:
        """The outputs of all layers side by side, (T, A), for frames that see each other."""
        projected_1TW = self._encoder.feature_projection(heard_TC[None])
        layers = self._encoder.transformer.get_intermediate_outputs(projected_1TW)
        return torch.cat(layers, dim=-1)[0]


def frames_of(audio_S: Samples) -> int:
    """Frames that a voice reaches into; the last may be partly filled."""
    return -(-len(audio_S) // SAMPLES_PER_FRAME)


def _sound(audio_S: Samples, start: int, end: int) -> Tensor:
    """Exactly the samples that outputs `start` to `end` hear."""
    first, last = start * HOP_SAMPLES, (end - 1) * HOP_SAMPLES + REACH_SAMPLES
    span_S = audio_S[first:last]
    return torch.from_numpy(to_sound(np.pad(span_S, (0, last - first - len(span_S)))))
