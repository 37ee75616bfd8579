"""Steady square pictures of a face, for models that learn from pixels, and to look at.

The square of a stretch stands at the face's usual place in it and moves only where the face would
leave it: a head that moves inside its square is motion (FLOAT's cropping; `autoencoder.lia.crop`).

Pictures are kept as JPEG, one after the other in one array, and any one of them is read alone.

Shape letters: T frames, N landmarks, H, W and C of a picture, B bytes, R regions.
"""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from PIL import Image as PillowImage

from afgen.autoencoder.lia.crop import (
    FACE_POINTS,
    FACES_WIDE,
    CropConfig,
    CropState,
    Square,
    cut,
    follow,
)
from afgen.autoencoder.mesh.topology import EYES, LOWER_LIP_OUTER, UPPER_LIP_OUTER
from afgen.data.shards import Array, ShardSet
from afgen.signals import Floats, Image

PICTURES: Final = "faces_jpeg_B"  # after the side's name
ENDS: Final = "faces_end_T"
THUMBNAIL: Final = "thumbnail_jpeg_B"
THUMBNAIL_PX: Final = 96
_QUALITY: Final = 95
_STEADY: Final = CropConfig()
_POINTS: Final = (
    np.arange(FACE_POINTS),
    np.concatenate([np.concatenate([eye.upper, eye.lower]) for eye in EYES]),
    np.concatenate([UPPER_LIP_OUTER, LOWER_LIP_OUTER]),
)
_THUMBNAIL_QUALITY: Final = 80


def usual_square(landmarks_TN3: Floats, config: CropConfig = _STEADY) -> CropState:
    """The square at the face's usual place, as firm as after the longest past."""
    points_TK2 = landmarks_TN3[:, :FACE_POINTS, :2]
    low_T2, high_T2 = points_TK2.min(axis=1), points_TK2.max(axis=1)
    centre_2 = np.median((low_T2 + high_T2) / 2, axis=0)
    side = FACES_WIDE * float(np.median((high_T2 - low_T2).max(axis=1)))
    return CropState(Square(float(centre_2[0]), float(centre_2[1]), side), config.memory_frames)


def squares_of(landmarks_TN3: Floats, config: CropConfig = _STEADY) -> list[Square]:
    """The square of each frame of a stretch, all of which is known."""
    state, squares = usual_square(landmarks_TN3, config), []
    for landmarks_N3 in landmarks_TN3:
        state = follow(landmarks_N3, state, config)
        squares.append(state.square)
    return squares


def regions_of(landmarks_N3: Floats, square: Square) -> Floats:
    """Boxes (R, 4) of face, eyes and lips: left, top, right, bottom in shares of the square."""
    corner_2 = np.array([square.left, square.top])
    place_N2 = (landmarks_N3[:, :2] - corner_2) / square.side
    boxes = [np.concatenate([place_N2[p].min(axis=0), place_N2[p].max(axis=0)]) for p in _POINTS]
    return np.asarray(np.stack(boxes), np.float32)


def crops_of(frames: Iterable[Image], squares: Sequence[Square], size: int) -> Iterator[Image]:
    """What lies in each frame's square, (size, size, 3)."""
    for image_HWC, square in zip(frames, squares, strict=True):
        yield cut(image_HWC, square, size)


def pack_pictures(pictures: Iterable[Image]) -> dict[str, Array]:
    """Pictures as JPEG in one array (B,), and where in it each one ends (T,)."""
    coded = [to_jpeg(image_HWC, _QUALITY) for image_HWC in pictures]
    ends_T = np.cumsum([len(data) for data in coded], dtype=np.int64)
    return {PICTURES: np.frombuffer(b"".join(coded), np.uint8), ENDS: ends_T}


def has_pictures(places: Mapping[str, object], side: str) -> bool:
    """Whether a sample holds pictures of this side."""
    return f"{side}_{PICTURES}" in places


def picture_at(shards: ShardSet, key: str, side: str, frame: int) -> Image:
    """One picture (H, W, 3) of a side of a sample; nothing else of it is read.

    Raises FileMissingError where the sample holds no pictures of this side.
    """
    first = max(frame - 1, 0)
    ends_T = shards.rows(key, f"{side}_{ENDS}", first, frame + 1)
    start = 0 if frame == 0 else int(ends_T[0])
    data_B = shards.rows(key, f"{side}_{PICTURES}", start, int(ends_T[-1]))
    return from_jpeg(data_B.tobytes())


def thumbnail(image_HWC: Image) -> Array:
    """A small picture as JPEG bytes (B,)."""
    small = PillowImage.fromarray(image_HWC).resize((THUMBNAIL_PX, THUMBNAIL_PX))
    return np.frombuffer(to_jpeg(np.asarray(small, np.uint8), _THUMBNAIL_QUALITY), np.uint8)


def to_jpeg(image_HWC: Image, quality: int) -> bytes:
    """The picture without any word of when or with what it was made."""
    buffer = io.BytesIO()
    PillowImage.fromarray(image_HWC).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def from_jpeg(data: bytes) -> Image:
    """The inverse of `to_jpeg`, but for what JPEG leaves out."""
    with PillowImage.open(io.BytesIO(data), formats=("JPEG",)) as picture:
        return np.asarray(picture.convert("RGB"), np.uint8)
