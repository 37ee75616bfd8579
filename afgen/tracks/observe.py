"""One pass over a recording's pictures: who is there when, what their mouth and face do.

Frames and landmarks are dropped as soon as they are encoded; per person and frame a row of motion,
two numbers about the mouth and the box are kept, which is 8 MB a person for half an hour.

Shape letters: T frames, D motion dimensions, N = 478 landmarks.
"""

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import cv2
import numpy as np

from afgen.signals import FaceView, Flags, Floats, Image
from afgen.tracks.follow import FollowConfig, follow
from afgen.tracks.landmarks import Box, box_of

StateT = TypeVar("StateT")
Encode = Callable[[FaceView, StateT | None], tuple[Floats, StateT]]

_UPPER_LIP, _LOWER_LIP = (82, 13, 312), (87, 14, 317)  # inner rims, middle third
_MOUTH_CORNERS = (61, 291)
_EYE_CORNERS = (33, 263)
_SIDES = (234, 454)  # of the face, beside the ears
_NOSE = 1


@dataclass(frozen=True, slots=True)
class ObserveConfig:
    """Whom to follow, what counts as a person, how large their picture is kept."""

    follow: FollowConfig = field(default_factory=FollowConfig)
    least_frames: int = 12  # seen in fewer, nobody
    thumbnail_px: int = 128


@dataclass(frozen=True, slots=True)
class PersonTrack:
    """One person over the whole recording. Where not present, rows are the last ones seen."""

    ident: int
    present_T: Flags
    box_T4: Floats  # left, top, width, height as fractions of the picture's sides
    mouth_T2: Floats  # opening and width of the mouth, in distances between the eyes' outer corners
    motion_TD: Floats | None  # None when nothing encodes motion
    thumbnail_HWC: Image

    @property
    def presence(self) -> float:
        """Share of frames this person is seen in."""
        return float(self.present_T.mean())

    @property
    def centre_x(self) -> float:
        """Usual place from left 0 to right 1."""
        boxes = self.box_T4[self.present_T]
        return float(np.median(boxes[:, 0] + boxes[:, 2] / 2))

    @property
    def height(self) -> float:
        """Usual height of the face, as a fraction of the picture's."""
        return float(np.median(self.box_T4[self.present_T, 3]))


@dataclass(frozen=True, slots=True)
class Observation:
    """All that is kept of a recording's pictures."""

    frames: int
    people: tuple[PersonTrack, ...]  # longest in view first


@dataclass(slots=True)
class _Notes(Generic[StateT]):
    """What is written down about one person while the recording is read."""

    seen: "array[int]" = field(default_factory=lambda: array("i"))
    rows: "array[float]" = field(default_factory=lambda: array("f"))  # box 4, mouth 2, motion D
    encoder: StateT | None = None
    best_view: float = 0.0
    thumbnail_HWC: Image = field(default_factory=lambda: np.zeros((1, 1, 3), np.uint8))


def observe(
    frames: Iterable[Image],
    encode: Encode[StateT] | None = None,
    config: ObserveConfig = ObserveConfig(),
    *,
    progress: Callable[[int], None] | None = None,
) -> Observation:
    """Follow everybody through `frames` and keep what matters of them.

    `encode` turns a face into motion, with a state per person; `progress` is told each frame.
    """
    people: dict[int, _Notes[StateT]] = {}
    count = 0
    for count, views in enumerate(follow(frames, config.follow), start=1):
        for ident, view in views.items():
            _note(people.setdefault(ident, _Notes()), view, encode, config)
        if progress is not None:
            progress(count)
    tracks = [
        _track(ident, notes, count)
        for ident, notes in people.items()
        if len(notes.seen) >= min(config.least_frames, count)
    ]
    return Observation(count, tuple(sorted(tracks, key=lambda track: -track.presence)))


def _note(
    notes: _Notes[StateT], view: FaceView, encode: Encode[StateT] | None, config: ObserveConfig
) -> None:
    height, width = view.image_HWC.shape[:2]
    box = box_of(view.landmarks_N3)
    notes.seen.append(view.frame)
    notes.rows.extend((box.left / width, box.top / height, box.width / width, box.height / height))
    notes.rows.extend(mouth_of(view.landmarks_N3))
    if encode is not None:
        motion_D, notes.encoder = encode(view, notes.encoder)
        notes.rows.extend(motion_D.tolist())
    quality = box.height * frontality(view.landmarks_N3)
    if quality > 1.05 * notes.best_view:
        notes.best_view = quality
        notes.thumbnail_HWC = _thumbnail(view.image_HWC, box, config.thumbnail_px)


def mouth_of(landmarks_N3: Floats) -> tuple[float, float]:
    """Opening between the inner lips and width of the mouth, in distances between the eyes."""
    eyes = float(np.linalg.norm(landmarks_N3[_EYE_CORNERS[0]] - landmarks_N3[_EYE_CORNERS[1]]))
    upper, lower = landmarks_N3[_UPPER_LIP, :2], landmarks_N3[_LOWER_LIP, :2]
    opening = float(np.linalg.norm(upper - lower, axis=1).mean())
    corners = landmarks_N3[_MOUTH_CORNERS[0]] - landmarks_N3[_MOUTH_CORNERS[1]]
    return opening / max(eyes, 1e-6), float(np.linalg.norm(corners)) / max(eyes, 1e-6)


def frontality(landmarks_N3: Floats) -> float:
    """1 where the nose is midway between the sides of the face, 0 where it is over one of them."""
    left, right = (abs(float(landmarks_N3[_NOSE, 0] - landmarks_N3[side, 0])) for side in _SIDES)
    return min(left, right) / max(left, right, 1e-6)


def _thumbnail(image_HWC: Image, box: Box, side: int) -> Image:
    """A square around the head, moved and shrunk to lie inside the picture, of `side` pixels."""
    height, width = image_HWC.shape[:2]
    half = min(0.85 * max(box.width, box.height), width / 2, height / 2)
    x, y = box.centre
    left = round(float(np.clip(x - half, 0, width - 2 * half)))
    top = round(float(np.clip(y - half, 0, height - 2 * half)))
    reach = max(int(2 * half), 1)
    square = image_HWC[top : top + reach, left : left + reach]
    return np.asarray(cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def _track(ident: int, notes: _Notes[StateT], frames: int) -> PersonTrack:
    """Notes of the frames a person was seen in, spread over the whole recording."""
    seen = np.asarray(notes.seen)
    rows_SK = np.asarray(notes.rows, dtype=np.float32).reshape(len(seen), -1)
    present_T = np.zeros(frames, dtype=np.bool_)
    present_T[seen] = True
    last_T = np.cumsum(present_T) - 1  # index of the last sighting, -1 before the first
    rows_TK = np.where(last_T[:, None] >= 0, rows_SK[np.maximum(last_T, 0)], np.float32(0))
    return PersonTrack(
        ident=ident,
        present_T=present_T,
        box_T4=rows_TK[:, :4],
        mouth_T2=rows_TK[:, 4:6],
        motion_TD=rows_TK[:, 6:].copy() if rows_TK.shape[1] > 6 else None,
        thumbnail_HWC=notes.thumbnail_HWC,
    )
