"""The square around a face that the networks see, in portraits and in recordings alike.

Its half side is the face box's half size times (1 + 1.0), as in the method's published code. A head
that moves inside its square is motion; a square that follows the head would hide it. So in a
recording the square stands still but for what it learns of the person's usual place, and moves
faster only before the face would leave it.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image as PillowImage

from afgen.signals import Floats, Image

FACES_WIDE = 2.0  # side of the square over the larger side of the face's box
FACE_POINTS = 468  # those of the face itself; irises come after
BICUBIC_REACH = 2.0  # pixels of the coarser picture that the filter reads on each side


@dataclass(frozen=True, slots=True)
class Square:
    """An upright square in pixels of a picture; it may reach beyond it."""

    centre_x: float
    centre_y: float
    side: float

    @property
    def left(self) -> float:
        """Its left edge."""
        return self.centre_x - self.side / 2

    @property
    def top(self) -> float:
        """Its upper edge."""
        return self.centre_y - self.side / 2

    def whole(self) -> "Square":
        """The nearest square of whole pixels."""
        side, left, top = round(self.side), round(self.left), round(self.top)
        return Square(left + side / 2, top + side / 2, side)


@dataclass(frozen=True, slots=True)
class CropConfig:
    """How steady the square of a recording is."""

    memory_frames: int = 1500  # its place is a mean over at most this long a past: a minute
    most_off_centre: float = 0.2  # of its side: no further does the face's middle get from its own
    most_resized: float = 1.3  # no more does the face outgrow, or shrink in, its square


@dataclass(frozen=True, slots=True)
class CropState:
    """The square of a person so far, and in how many frames they were seen."""

    square: Square
    seen: int


def square_around(landmarks_N3: Floats) -> Square:
    """The square of one face seen by itself."""
    low = landmarks_N3[:FACE_POINTS, :2].min(0)
    high = landmarks_N3[:FACE_POINTS, :2].max(0)
    centre_x, centre_y = (float(middle) for middle in (low + high) / 2)
    return Square(centre_x, centre_y, FACES_WIDE * float((high - low).max()))


def follow(landmarks_N3: Floats, state: CropState | None, config: CropConfig) -> CropState:
    """The square for one more frame of a person, from the past only; None starts a new person."""
    now = square_around(landmarks_N3)
    if state is None:
        return CropState(now, 1)
    seen = min(state.seen + 1, config.memory_frames)
    usual = state.square
    side = _kept(
        usual.side + (now.side - usual.side) / seen,
        now.side / config.most_resized,
        now.side * config.most_resized,
    )
    reach = config.most_off_centre * side
    x, y = (
        _kept(old + (new - old) / seen, new - reach, new + reach)
        for old, new in ((usual.centre_x, now.centre_x), (usual.centre_y, now.centre_y))
    )
    return CropState(Square(x, y, side), seen)


def cut(image_HWC: Image, square: Square, size: int) -> Image:
    """What lies in the square, (size, size, 3), filtered where it shrinks.

    Beyond the picture its border goes on: a mirrored one would show a second mouth.
    """
    margin = BICUBIC_REACH * max(square.side / size, 1.0) + 1.0
    columns, rows = (
        np.arange(int(np.floor(start - margin)), int(np.ceil(start + square.side + margin)))
        for start in (square.left, square.top)
    )
    height, width = image_HWC.shape[:2]
    part = image_HWC[rows.clip(0, height - 1)][:, columns.clip(0, width - 1)]
    left, top = square.left - columns[0], square.top - rows[0]
    picture = PillowImage.fromarray(part, "RGB").resize(
        (size, size),
        PillowImage.Resampling.BICUBIC,
        box=(left, top, left + square.side, top + square.side),
    )
    return np.asarray(picture, np.uint8)


def _kept(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
