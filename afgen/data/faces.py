"""Pairs of pictures of one face out of shards: what a network that draws faces learns from.

Samples hold square pictures of a face and, for each, the boxes of the whole face, of both eyes and
of the lips (`crops.py`). Shape letters: T frames, H and W pixels, R regions.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import cv2
import numpy as np

from afgen.data.crops import has_pictures, picture_at
from afgen.data.shards import ShardSet
from afgen.errors import UnusableClipError
from afgen.signals import Floats, Image

FACE, EYE_PAIR, LIPS = range(3)  # rows of a picture's regions
REGIONS: Final = "regions_TR4"  # after the side's name
LEAST_FRAMES: Final = 25  # of a clip, a second
_SIDES: Final = ("avatar", "user")


@dataclass(frozen=True, slots=True)
class FramePair:
    """Two frames of one clip: pictures (H, W, 3), and the boxes (R, 4) of the target's regions."""

    source_HWC: Image
    target_HWC: Image
    regions_R4: Floats


class FramePairs(Protocol):
    """Clips of one face each, any two frames of which can be asked for."""

    @property
    def frames(self) -> Sequence[int]:
        """Frames of each clip."""
        ...

    def pair(self, clip: int, source: int, target: int) -> FramePair:
        """Two frames of a clip."""
        ...


@dataclass(frozen=True, slots=True)
class FaceClip:
    """One side of one sample, T frames."""

    key: str
    side: str
    frames: int

    @property
    def place(self) -> float:
        """A number in [0, 1) of the sample's own, the same in any company."""
        return int.from_bytes(hashlib.sha256(self.key.encode()).digest()[:6], "big") / 2**48


@dataclass(frozen=True, slots=True)
class FaceShards:
    """Pairs from shards, scaled to `size` pixels; only the asked frames are read."""

    shards: ShardSet
    clips: tuple[FaceClip, ...]
    size: int

    @property
    def frames(self) -> Sequence[int]:
        """Frames of each clip."""
        return [clip.frames for clip in self.clips]

    def pair(self, clip: int, source: int, target: int) -> FramePair:
        """Two frames of a clip. Raises ShardsError."""
        chosen = self.clips[clip]
        source_HWC, target_HWC = (
            scaled(picture_at(self.shards, chosen.key, chosen.side, frame), self.size)
            for frame in (source, target)
        )
        name = f"{chosen.side}_{REGIONS}"
        regions_R4: Floats = self.shards.rows(chosen.key, name, target, target + 1)[0]
        return FramePair(source_HWC, target_HWC, regions_R4)


def face_clips(shards: ShardSet) -> tuple[FaceClip, ...]:
    """All sides of all samples that hold at least a second of pictures.

    Raises UnusableClipError where there are none.
    """
    clips = tuple(
        FaceClip(entry.key, side, entry.places[f"{side}_{REGIONS}"].shape[0])
        for entry in shards.entries
        for side in _SIDES
        if has_pictures(entry.places, side)
    )
    long_enough = tuple(clip for clip in clips if clip.frames >= LEAST_FRAMES)
    if not long_enough:
        raise UnusableClipError(
            "the shards hold no pictures of faces.",
            hint="Prepare the corpus again with `--crops 256`, or another side in pixels.",
        )
    return long_enough


def kept_apart(
    clips: Sequence[FaceClip], share: float
) -> tuple[tuple[FaceClip, ...], tuple[FaceClip, ...]]:
    """Clips to learn from, and about this share of them to evaluate on.

    Which is which is a matter of a sample's name, so both sides of a recording stay together, and
    what is kept out stays so when others come. Raises UnusableClipError where either is empty.
    """
    learned = tuple(clip for clip in clips if clip.place >= share)
    held_out = tuple(clip for clip in clips if clip.place < share)
    if not learned or not held_out:
        raise UnusableClipError(
            f"{len(clips)} clips are too few to learn from and to keep some out.",
            hint="Prepare more clips, or keep out a larger share.",
        )
    return learned, held_out


def scaled(image_HWC: Image, size: int) -> Image:
    """A square picture with another side, filtered where it shrinks."""
    if image_HWC.shape[0] == size:
        return image_HWC
    method = cv2.INTER_AREA if image_HWC.shape[0] > size else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image_HWC, (size, size), interpolation=method), np.uint8)
