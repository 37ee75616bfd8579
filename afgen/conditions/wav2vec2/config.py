"""The sizes of a wav2vec 2.0 network of the base family."""

from dataclasses import dataclass
from typing import Final

KERNELS: Final = (10, 3, 3, 3, 3, 2, 2)  # of the convolutions, in samples of their own input
STRIDES: Final = (5, 2, 2, 2, 2, 2, 2)
HOP_SAMPLES: Final = 320  # between two outputs of the convolutions: 20 ms
REACH_SAMPLES: Final = 400  # that one output hears: 25 ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Wav2Vec2Config:
    """Baevski, Zhou, Mohamed & Auli 2020, "wav2vec 2.0"; the defaults are its base model.

    The base family has one group normalisation, after the first convolution, and normalises behind
    each part of a transformer layer; the large one differs in both and is not meant here.
    """

    channels: int = 512  # C, of all convolutions
    width: int = 768
    layers: int = 12
    heads: int = 12
    feed_forward: int = 3072
    position_kernel: int = 128
    position_groups: int = 16
    normalize: bool = True  # to zero mean and unit variance before the first convolution

    @property
    def audio_dim(self) -> int:
        """A: the outputs of all layers side by side."""
        return self.layers * self.width
