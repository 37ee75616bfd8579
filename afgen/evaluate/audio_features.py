"""How far the streaming speech features are from those of the whole utterance.

The generator was trained on features of whole utterances, so the distance is what a live session
pays for not knowing the future, against the past and the look-ahead it is given. Whether it can be
seen in the motion is another question, and with untrained weights the figures say little: random
attention looks everywhere alike, trained attention mostly nearby.

Shape letters: T frames, A features.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

import numpy as np
import torch
from torch import Tensor

from afgen.checkpoint import config_from, load_checkpoint
from afgen.clock import BLOCK_FRAMES, FRAME_RATE_HZ, SAMPLES_PER_FRAME, blocks_in, seconds_at
from afgen.conditions.wav2vec2.config import Wav2Vec2Config
from afgen.conditions.wav2vec2.hugging_face import convert_wav2vec2
from afgen.conditions.wav2vec2.network import Wav2Vec2Network, build
from afgen.conditions.wav2vec2.streaming import StreamingConfig, StreamingWav2Vec2
from afgen.conditions.wav2vec2.whole import WholeWav2Vec2
from afgen.errors import MediaTooSmallError, SilentAudioError, WeightsMismatchError
from afgen.signals import Floats, Samples
from afgen.weights.reading import read_weights

SETTINGS: Final = (
    *(StreamingConfig(look_ahead_frames=look_ahead) for look_ahead in (0, 2, 5, 10, 25)),
    *(StreamingConfig(context_frames=context) for context in (50, 200)),
)
_START_FRAMES: Final = FRAME_RATE_HZ  # while normalisation knows next to nothing


@dataclass(frozen=True, slots=True)
class AudioDistance:
    """One setting of the streaming mode against the whole utterance.

    Distances are root mean squares of the difference over that of the whole utterance's features
    around their mean over time: 0 is the same, 1 as far as a constant, 1.4 as far as another voice.
    """

    context_s: float
    look_ahead_s: float
    whole: float  # over all layers
    start: float  # the same, over the first second alone
    layers: tuple[float, ...]  # from the first to the last
    block_ms: float  # to make the rows of a block of one voice


def measure_audio(
    network: Wav2Vec2Network, audio_S: Samples, settings: Sequence[StreamingConfig] = SETTINGS
) -> list[AudioDistance]:
    """Each streaming mode's distance from the whole utterance, over the whole frames of a voice.

    Raises MediaTooSmallError for less than two seconds, SilentAudioError for silence.
    """
    frames = len(audio_S) // SAMPLES_PER_FRAME
    if frames < 2 * FRAME_RATE_HZ:
        raise MediaTooSmallError(
            f"{seconds_at(frames):.1f} s of sound are too few.", hint="Use two seconds or more."
        )
    audio_S = audio_S[: frames * SAMPLES_PER_FRAME]
    if not audio_S.any():
        raise SilentAudioError(f"There is silence for {seconds_at(frames):.1f} s.")
    whole_TA, _ = WholeWav2Vec2(network).rows(audio_S, 0, frames)
    return [_distance(network, audio_S, whole_TA, setting) for setting in settings]


def untrained_wav2vec2(config: Wav2Vec2Config | None = None, seed: int = 0) -> Wav2Vec2Network:
    """A network with random weights under which signals keep their size from layer to layer."""
    config, generator = config or Wav2Vec2Config(), torch.Generator().manual_seed(seed)
    tensors = {
        name: _drawn(name, tuple(parameter.shape), generator)
        for name, parameter in build(config).state_dict().items()
    }
    return Wav2Vec2Network(config, tensors)


def load_wav2vec2(path: Path) -> Wav2Vec2Network:
    """The network of a Hugging Face folder, or of the file that an import makes of one.

    Raises WeightsError of one kind or another, and MediaError for a file that cannot be opened.
    """
    if path.is_dir():
        return Wav2Vec2Network(*convert_wav2vec2(path, read_weights))
    checkpoint = load_checkpoint(path)
    if "wav2vec2" not in checkpoint.config:
        raise WeightsMismatchError(f"{path.name} holds no wav2vec2.")
    config = config_from(Wav2Vec2Config, checkpoint.config["wav2vec2"])
    return Wav2Vec2Network(config, checkpoint.tensors)


def _drawn(name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    drawn = torch.randn(shape, generator=generator)
    if len(shape) > 1:
        return drawn / math.sqrt(math.prod(shape[1:]))
    return 0.02 * drawn if name.endswith("bias") else 1 + 0.1 * drawn


def _distance(
    network: Wav2Vec2Network, audio_S: Samples, whole_TA: Floats, setting: StreamingConfig
) -> AudioDistance:
    features = StreamingWav2Vec2(network, setting)
    began_s = perf_counter()
    rows_TA, _ = features.rows(audio_S, 0, len(whole_TA))
    took_s = perf_counter() - began_s
    power_A = np.square(whole_TA - whole_TA.mean(axis=0)).mean(axis=0)
    error_TA = np.square(rows_TA - whole_TA)
    layers = np.split(np.arange(features.audio_dim), network.config.layers)

    def relative(error_TA: Floats, power_A: Floats) -> float:
        return float(np.sqrt(error_TA.mean() / power_A.mean()))

    return AudioDistance(
        context_s=seconds_at(setting.context_frames),
        look_ahead_s=seconds_at(setting.look_ahead_frames),
        whole=relative(error_TA, power_A),
        start=relative(error_TA[:_START_FRAMES], power_A),
        layers=tuple(relative(error_TA[:, layer], power_A[layer]) for layer in layers),
        block_ms=1000 * took_s / blocks_in(len(whole_TA), BLOCK_FRAMES),
    )
