"""Sizes of the warping autoencoder."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Final

SMALLEST: Final = 4  # pixels of the coarsest feature map, both ways
_SIZES: Final = (64, 128, 256, 512)


@dataclass(frozen=True)
class LiaConfig:
    """A network of the LIA family; the defaults are those of the public checkpoints (512 px)."""

    size: int = 512  # pixels of a picture's side
    latent_dim: int = 512  # D
    directions: int = 20  # K
    channel_multiplier: int = 1
    max_channels: int = 512
    channels_times_pixels: int = 16384  # 512 px: 32 channels, 256: 64, 128: 128, 64: 256

    def __post_init__(self) -> None:
        if self.size not in _SIZES:
            raise ValueError(f"a picture's side must be one of {_SIZES} pixels, not {self.size}")
        if not 0 < self.directions <= self.latent_dim:
            raise ValueError(f"{self.directions} directions do not fit into {self.latent_dim}")

    @property
    def resolutions(self) -> tuple[int, ...]:
        """Sides of the feature maps, coarsest first: 4, 8, ... size."""
        return tuple(SMALLEST << level for level in range((self.size // SMALLEST).bit_length()))

    def channels(self, resolution: int) -> int:
        """Channels of the feature maps of this side."""
        wanted = self.channel_multiplier * self.channels_times_pixels // resolution
        return min(self.max_channels, wanted)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for a checkpoint's header; `checkpoint.config_from` is the inverse."""
        return dataclasses.asdict(self)
