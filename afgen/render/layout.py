"""What stands beside what in the finished picture.

`avatar` is the avatar alone: the square crop, or the whole portrait. `side-by-side` puts the user's
face on the left, so that one sees what the avatar reacts to.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from afgen.errors import OptionError
from afgen.media.decode import decode_video
from afgen.signals import Image
from afgen.tracks.landmarks import Box

Compose = Callable[[Image], Image]  # the avatar's picture to the finished one, frame by frame

HEADROOM = 2.3  # side of the user's square, in face heights: as the avatar's crop


@dataclass(frozen=True, slots=True)
class UserView:
    """Where the user can be seen: a recording, and the face's usual place in it."""

    video: Path
    start_frame: int
    face: Box  # fractions of the picture's sides


@dataclass(frozen=True, slots=True)
class Alone:
    """The avatar's pictures as they are."""

    size: tuple[int, int]

    @contextmanager
    def composing(self, first_frame: int) -> Iterator[Compose]:
        """Leaves pictures as they are."""
        yield lambda avatar_HWC: avatar_HWC


@dataclass(frozen=True, slots=True)
class SideBySide:
    """The user on the left, the avatar on the right, both of the avatar's size."""

    avatar_size: tuple[int, int]
    user: UserView

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole."""
        return 2 * self.avatar_size[0], self.avatar_size[1]

    @contextmanager
    def composing(self, first_frame: int) -> Iterator[Compose]:
        """Pairs pictures from `first_frame` on; the user's last one stays when no more come."""
        black = np.zeros((self.avatar_size[1], self.avatar_size[0], 3), np.uint8)
        user = _user_pictures(self.user, self.avatar_size, first_frame)
        with closing(_held(user, black)) as left:
            yield lambda avatar_HWC: np.hstack([next(left), avatar_HWC])


Layout = Alone | SideBySide


def layout_for(name: str, size: tuple[int, int], user: UserView | None) -> Layout:
    """The layout of that name for avatar pictures of (width, height) `size`.

    Raises OptionError when the user is to be shown and cannot be seen.
    """
    if name == "avatar":
        return Alone(size)
    if user is None:
        raise OptionError(
            "side-by-side needs a recording that shows the user.",
            hint="Leave --layout out, or give a video of the user.",
        )
    return SideBySide(size, user)


def _held(pictures: Iterator[Image], none_HWC: Image) -> Generator[Image]:
    """The pictures, then the last of them without end; `none_HWC` where there are none."""
    last_HWC = none_HWC
    for image_HWC in pictures:
        last_HWC = image_HWC
        yield last_HWC
    while True:
        yield last_HWC


def _user_pictures(user: UserView, size: tuple[int, int], first_frame: int) -> Iterator[Image]:
    for image_HWC in decode_video(user.video, start_frame=user.start_frame + first_frame):
        yield _crop(image_HWC, user.face, size)


def _crop(image_HWC: Image, face: Box, size: tuple[int, int]) -> Image:
    """A part of the avatar's shape around the face, as large as the picture allows."""
    height, width = image_HWC.shape[:2]
    centre_x, centre_y = face.centre[0] * width, face.centre[1] * height
    aspect = size[0] / size[1]
    tall = min(HEADROOM * face.height * height, height, width / aspect)
    wide = tall * aspect
    left = round(float(np.clip(centre_x - wide / 2, 0, width - wide)))
    top = round(float(np.clip(centre_y - tall / 2, 0, height - tall)))
    part = image_HWC[top : top + max(round(tall), 1), left : left + max(round(wide), 1)]
    shrinking = part.shape[0] > size[1]
    how = cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(part, size, interpolation=how), np.uint8)
