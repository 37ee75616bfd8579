"""Putting an animated crop back into the whole portrait, at the portrait's own resolution.

Only where the head can come is the picture replaced; everything else keeps its original pixels, so
that a crop decoded at another resolution leaves no square behind.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from afgen.autoencoder.compiled import kernel
from afgen.autoencoder.mesh.crop import Crop
from afgen.autoencoder.mesh.curves import Array
from afgen.signals import Floats, Image

BORDER = 0.04  # of the crop's side: here the crop fades into the portrait


@dataclass(frozen=True, slots=True)
class PasteMap:
    """Where the crop lands in the portrait, and how much of each pixel is the crop's."""

    left: int  # portrait pixels
    top: int
    weight_HW: Image  # 0..255
    to_crop_23: Array  # affine map of pixels of this window to crop pixels


def build_paste(crop: Crop, reach_HW: Floats, picture: tuple[int, ...]) -> PasteMap:
    """`reach_HW` (size, size) is 1 where the head can come, 0 where nothing ever changes."""
    height, width = picture[:2]
    left, top = max(crop.left, 0), max(crop.top, 0)
    right, bottom = min(crop.left + crop.side, width), min(crop.top + crop.side, height)
    to_crop_23 = cv2.invertAffineTransform(crop.to_portrait_map()).astype(np.float64)
    to_crop_23[:, 2] += to_crop_23[:, :2] @ np.array([left, top], dtype=np.float64)
    weight = np.minimum(reach_HW, _border(crop, (left, top, right, bottom), picture))
    window = cv2.warpAffine(
        np.round(weight * 255).astype(np.uint8),
        to_crop_23,
        (right - left, bottom - top),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return PasteMap(left, top, window.astype(np.uint8), to_crop_23)


def paste(portrait_HWC: Image, crop_HWC: Image, where: PasteMap) -> Image:
    """A new picture of the portrait's size with the crop in its place."""
    out_HWC = portrait_HWC.copy()
    height, width = where.weight_HW.shape
    crop = cv2.warpAffine(
        crop_HWC,
        where.to_crop_23,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.uint8)
    window = out_HWC[where.top : where.top + height, where.left : where.left + width]
    _blend(window, crop, where.weight_HW)
    return out_HWC


def _border(crop: Crop, inside: tuple[int, int, int, int], picture: tuple[int, ...]) -> Floats:
    """0 along the crop's border, 1 further in; sides that lie on the picture's own need no fade."""
    left, top, right, bottom = inside
    far = 1e6
    axis = np.arange(crop.size, dtype=np.float32) + 0.5
    sides = (
        axis if left > 0 else far,
        axis[::-1] if right < picture[1] else far,
        axis if top > 0 else far,
        axis[::-1] if bottom < picture[0] else far,
    )
    across, down = (np.minimum(*np.broadcast_arrays(*pair)) for pair in (sides[:2], sides[2:]))
    nearest = np.minimum(*np.broadcast_arrays(across, np.reshape(down, (-1, 1))))
    nearest = np.broadcast_to(nearest, (crop.size, crop.size))
    fade: Floats = np.clip(nearest / (BORDER * crop.size), 0.0, 1.0).astype(np.float32)
    return fade


@kernel
def _blend(
    out_HWC: Image, over_HWC: Image, weight_HW: Image
) -> None:  # pragma: no cover - compiled
    for y in range(out_HWC.shape[0]):
        for x in range(out_HWC.shape[1]):
            w = np.int32(weight_HW[y, x])
            if w == 0:
                continue
            for c in range(3):
                mixed = over_HWC[y, x, c] * w + out_HWC[y, x, c] * (255 - w)
                out_HWC[y, x, c] = np.uint8((mixed + 127) // 255)
