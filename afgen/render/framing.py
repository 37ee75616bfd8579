"""What is shown of the avatar: the square crop, or the whole portrait."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from afgen.autoencoder.interface import MotionAutoencoder
from afgen.errors import MediaTooLargeError
from afgen.media.limits import MEDIA_LIMITS
from afgen.signals import Image, Portrait


@dataclass(frozen=True, slots=True)
class Framing:
    """Pictures of (width, height) `size`, which an encoder wants even.

    `crop_size` is the side of the autoencoder's own pictures; None leaves it to the portrait, for
    pasting back.
    """

    size: tuple[int, int]
    crop_size: int | None

    def frame(
        self, autoencoder: MotionAutoencoder[Any, Any], identity: Any, crop_HWC: Image
    ) -> Image:
        """The finished picture of one of the autoencoder's."""
        if self.crop_size is not None:
            return crop_HWC
        width, height = self.size
        return np.ascontiguousarray(autoencoder.paste(identity, crop_HWC)[:height, :width])


def framing_for(portrait: Portrait, size: int, *, full_frame: bool) -> Framing:
    """Squares of `size`, or with `full_frame` the portrait's own size.

    Raises MediaTooLargeError for a portrait with more pixels than a video should have.
    """
    if not full_frame:
        return Framing((size, size), size)
    height, width = portrait.image_HWC.shape[:2]
    if width * height > MEDIA_LIMITS.frame_pixels:
        raise MediaTooLargeError(
            f"A video of {width}x{height} pixels is too large.",
            hint="Leave --full-frame out, or scale the portrait down.",
        )
    return Framing((width - width % 2, height - height % 2), None)
