"""Putting a decoded square back into the whole portrait, with a soft edge."""

from dataclasses import dataclass

import numpy as np
from PIL import Image as PillowImage

from afgen.autoencoder.lia.crop import Square
from afgen.signals import Floats, Image

EDGE = 0.08  # of the square's side: here it fades into the portrait


@dataclass(frozen=True, slots=True)
class PastePlace:
    """Where a square of `side` whole pixels lands, and how much of each pixel is its own.

    `weight_HW1` covers only the part of the square that lies in the portrait, whose upper left
    pixel is (`left`, `top`) in the square's own counting.
    """

    x: int  # portrait pixels of the covered part
    y: int
    left: int
    top: int
    side: int
    weight_HW1: Floats


def paste_place(square: Square, picture: tuple[int, ...]) -> PastePlace:
    """`square` has whole pixels; `picture` is the portrait's shape (H, W, ...).

    A side of the square that the portrait's own border cuts off needs no fade.
    """
    height, width = picture[:2]
    side = round(square.side)
    x, y = round(square.left), round(square.top)
    columns = _fade(x, side, width)
    rows = _fade(y, side, height)
    weight_HW1 = np.minimum(rows[:, None], columns[None, :])[..., None]
    return PastePlace(max(x, 0), max(y, 0), max(-x, 0), max(-y, 0), side, weight_HW1)


def paste(portrait_HWC: Image, crop_HWC: Image, place: PastePlace) -> Image:
    """A new picture of the portrait's size with the square in its place."""
    resized = PillowImage.fromarray(crop_HWC, "RGB").resize(
        (place.side, place.side), PillowImage.Resampling.BICUBIC
    )
    height, width = place.weight_HW1.shape[:2]
    over_HWC = np.asarray(resized, np.float32)[place.top :, place.left :][:height, :width]
    out_HWC = portrait_HWC.copy()
    window = out_HWC[place.y : place.y + height, place.x : place.x + width]
    mixed = window + place.weight_HW1 * (over_HWC - window)
    window[...] = np.rint(mixed).clip(0, 255).astype(np.uint8)
    return out_HWC


def _fade(start: int, side: int, length: int) -> Floats:
    """Weight along one axis over the pixels from `start` that lie in the picture."""
    pixel = np.arange(max(start, 0), min(start + side, length), dtype=np.float32) + 0.5
    before = pixel - start if start > 0 else np.full_like(pixel, np.inf)
    after = start + side - pixel if start + side < length else np.full_like(pixel, np.inf)
    nearness = np.clip(np.minimum(before, after) / (EDGE * side), 0.0, 1.0)
    weight: Floats = (nearness * nearness * (3.0 - 2.0 * nearness)).astype(np.float32)
    return weight
