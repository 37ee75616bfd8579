"""What a simulated person does, as named channels over time, before any autoencoder sees it.

Shape letters: T frames at 25 Hz, K channels.
"""

from enum import IntEnum
from typing import Final

import numpy as np

from afgen.clock import FRAME_RATE_HZ
from afgen.signals import Floats


class Channel(IntEnum):
    """Columns of a behaviour array. Angles in degrees, the rest in amounts of an action."""

    PITCH = 0  # chin down is positive
    YAW = 1  # towards the right of the picture is positive
    ROLL = 2  # top of the head towards the right of the picture is positive
    LEAN = 3  # log of apparent size; leaning in is positive
    SHIFT_X = 4  # face heights, to the right
    SHIFT_Y = 5  # face heights, down
    BLINK = 6  # 0 open, 1 closed
    GAZE_X = 7  # -1..1, to the right
    GAZE_Y = 8  # -1..1, down
    SMILE = 9  # 0..1
    BROW_RAISE = 10  # 0..1
    JAW_OPEN = 11  # 0..1
    LIP_PRESS = 12  # 0..1


CHANNELS: Final = len(Channel)
HEAD: Final = (Channel.PITCH, Channel.YAW, Channel.ROLL)


def still(frames: int) -> Floats:
    """Behaviour (T, K) of a person who does nothing."""
    return np.zeros((frames, CHANNELS), np.float32)


def frames_of(seconds: float) -> int:
    """Whole frames nearest to `seconds`."""
    return round(seconds * FRAME_RATE_HZ)


def add_from(column_T: Floats, frame: int, shape_T: Floats) -> None:
    """Add a movement that starts at `frame` in place, cut off at the end of the column."""
    end = min(len(column_T), frame + len(shape_T))
    if end > frame:
        column_T[frame:end] += shape_T[: end - frame]
