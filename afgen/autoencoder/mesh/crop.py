"""The square of the portrait that is animated, and how its pixels map to the whole picture."""

from dataclasses import dataclass

import cv2
import numpy as np

from afgen.autoencoder.mesh.curves import Array
from afgen.signals import Floats, Image

FACES_WIDE = 2.3  # side of the crop over the larger side of the face's box
LEAST_FACES_WIDE = 1.2  # where the picture itself is cut closer
RAISED = 0.04  # of the side: room for hair


@dataclass(frozen=True, slots=True)
class Crop:
    """A square of whole pixels of the portrait, shown at `size` x `size`."""

    left: int  # portrait pixels
    top: int
    side: int
    size: int  # crop pixels

    @property
    def scale(self) -> float:
        """Crop pixels per portrait pixel."""
        return self.size / self.side

    def from_portrait(self, points_N: Array | Floats) -> Array:
        """Portrait pixels -> crop pixels; pixel centres are whole numbers. (N, 2) or (N, 3)."""
        moved = np.asarray(points_N, dtype=np.float64) * self.scale
        moved[:, :2] += 0.5 * self.scale - 0.5 - np.array([self.left, self.top]) * self.scale
        return moved

    def to_portrait_map(self) -> Array:
        """Affine map (2, 3) of crop pixels to portrait pixels."""
        zoom = 1.0 / self.scale
        shift = 0.5 * zoom - 0.5
        return np.array([[zoom, 0.0, self.left + shift], [0.0, zoom, self.top + shift]])


def choose_crop(landmarks_N3: Floats, picture: tuple[int, ...], size: int | None) -> Crop:
    """A square around the face that stays inside the picture (H, W, ...) where it can.

    `size` None keeps the portrait's own resolution, between 256 and 1280 pixels.
    """
    height, width = picture[:2]
    low, high = landmarks_N3[:468, :2].min(0), landmarks_N3[:468, :2].max(0)
    face = float((high - low).max())
    side = round(max(min(face * FACES_WIDE, height, width), face * LEAST_FACES_WIDE))
    centre = (low + high) / 2 - (0.0, RAISED * side)
    left, top = (
        _place(float(middle), side, length)
        for middle, length in zip(centre, (width, height), strict=True)
    )
    return Crop(left, top, side, size if size is not None else int(np.clip(side, 256, 1280)))


def _place(middle: float, side: int, length: int) -> int:
    start = round(middle - side / 2)
    if side > length:
        return round((length - side) / 2)
    return min(max(start, 0), length - side)


def cut(image_HWC: Image, crop: Crop, pad: int) -> Image:
    """The crop with `pad` more crop pixels on each side, (size + 2 pad,) squared.

    Beyond the picture its border goes on.
    """
    reach = round(pad / crop.scale) + 4
    height, width = image_HWC.shape[:2]
    x0, y0 = max(crop.left - reach, 0), max(crop.top - reach, 0)
    x1, y1 = min(crop.left + crop.side + reach, width), min(crop.top + crop.side + reach, height)
    part = np.ascontiguousarray(image_HWC[y0:y1, x0:x1])
    shrinks = crop.scale < 0.8
    if shrinks:
        part = cv2.GaussianBlur(part, (0, 0), 0.45 / crop.scale).astype(np.uint8)
    to_part = crop.to_portrait_map()
    to_part[:, 2] += to_part[:, :2] @ np.array([-pad, -pad]) - (x0, y0)
    side = crop.size + 2 * pad
    method = cv2.INTER_LINEAR if shrinks or crop.scale == 1.0 else cv2.INTER_CUBIC
    cut_PPC = cv2.warpAffine(
        part,
        to_part,
        (side, side),
        flags=method | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return cut_PPC.astype(np.uint8)
