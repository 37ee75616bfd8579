"""The values that flow through a render, with their shapes and units.

Shape letters: H height, W width, C = 3 colour channels in RGB order, T frames at 25 Hz, S samples
at 16 kHz, D motion dimensions, A audio feature dimensions, N = 478 face landmarks.
All pictures are uint8 RGB. Everything here is frozen: a stage makes new values, it changes none.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Samples = NDArray[np.int16]

_FULL_SCALE = 32768


def to_samples(sound: Floats) -> Samples:
    """Sound in [-1, 1] as 16-bit samples, in which long recordings are kept: half the memory."""
    scaled = np.rint(sound * _FULL_SCALE)
    return np.asarray(np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1), np.int16)


def to_sound(samples: Samples) -> Floats:
    """16-bit samples as float32 sound in [-1, 1)."""
    return samples.astype(np.float32) / np.float32(_FULL_SCALE)


@dataclass(frozen=True, slots=True)
class Portrait:
    """A still picture of one face, upright, at its own resolution."""

    image_HWC: Image
    sha256: str  # of the file's bytes, for the report
    name: str = "portrait"


@dataclass(frozen=True, slots=True)
class FaceView:
    """One face in one frame, as tracked.

    `landmarks_N3` are pixels of `image_HWC` (x right, y down, z away from the camera, same scale).
    """

    frame: int
    image_HWC: Image
    landmarks_N3: Floats


@dataclass(frozen=True, slots=True)
class Track:
    """One person over a whole recording. A missing side is None, never invented.

    `motion_TD` is the autoencoder's motion of each frame; where `present_T` is false the face was
    not seen and the row is the last one seen (zeros before the first).
    """

    audio_S: Samples | None = None  # 16 kHz mono, see `to_sound`
    motion_TD: Floats | None = None
    present_T: Flags | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """The two sides of a recording on one clock of `frames` frames."""

    frames: int
    avatar: Track
    user: Track


@dataclass(frozen=True, slots=True)
class Conditions:
    """What one block of frames is generated from. None is the null condition of training."""

    start_frame: int
    frames: int
    avatar_audio_TA: Floats | None
    user_audio_TA: Floats | None
    user_motion_TD: Floats | None


@dataclass(frozen=True, slots=True)
class MotionBlock:
    """Generated motion of consecutive frames."""

    start_frame: int
    motion_TD: Floats


@dataclass(frozen=True, slots=True)
class Frames:
    """Decoded pictures of consecutive frames."""

    start_frame: int
    images_THWC: Image
