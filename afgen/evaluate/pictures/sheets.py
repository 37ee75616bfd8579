"""Contact sheets: moments of a video side by side, the whole picture and close-ups of each face."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from afgen.clock import seconds_at
from afgen.media.decode import decode_video
from afgen.media.probe import probe
from afgen.signals import Floats, Image
from afgen.tracks.landmarks import FaceLandmarker

_EYES = (33, 263)  # outer corners
_MOUTH = (61, 291, 0, 17)  # corners, upper and lower edge
_EARS = (234, 454)  # their distance is the width of the face
_FACES = 2  # shown close up at most


@dataclass(frozen=True, slots=True)
class SheetConfig:
    """Size of a sheet. Lengths are pixels."""

    moments: int = 24
    columns: int = 8
    tile: int = 240


@dataclass(frozen=True, slots=True)
class Moment:
    """One picture of a sheet, its name, and the landmarks (478, 3) of faces to show close up."""

    name: str
    image_HWC: Image
    faces: tuple[Floats, ...] = ()


def sheet_of_video(path: Path, config: SheetConfig | None = None) -> Image:
    """Moments evenly spread over a recording, with close-ups of up to two faces.

    Raises MediaError and its kinds, as `decode_video`.
    """
    config = config or SheetConfig()
    return contact_sheet(_moments(path, config.moments), config)


def contact_sheet(moments: Iterable[Moment], config: SheetConfig | None = None) -> Image:
    """Tiles (H, W, 3) in rows of `columns`, each with its close-ups beneath."""
    config = config or SheetConfig()
    tiles = [_tile(moment, config.tile) for moment in moments]
    height = max(tile.shape[0] for tile in tiles)
    tiles = [_stretch(tile, height) for tile in tiles]
    columns = min(config.columns, len(tiles))
    while len(tiles) % columns:
        tiles.append(np.zeros_like(tiles[0]))
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    return np.vstack(rows)


def close_up(image_HWC: Image, centre_2: Floats, radius: float, size: tuple[int, int]) -> Image:
    """The part of a picture within `radius` pixels left and right of a point, (width, height)."""
    width, height = size
    zoom = width / (2 * radius)
    part = np.array(
        [[zoom, 0, width / 2 - zoom * centre_2[0]], [0, zoom, height / 2 - zoom * centre_2[1]]]
    )
    method = cv2.INTER_CUBIC if zoom > 1 else cv2.INTER_AREA
    shown = cv2.warpAffine(image_HWC, part, size, flags=method, borderMode=cv2.BORDER_REPLICATE)
    return shown.astype(np.uint8)


def _moments(path: Path, count: int) -> Iterator[Moment]:
    info = probe(path)
    wanted = set(np.linspace(0, info.frames - 1, min(count, info.frames)).astype(int).tolist())
    with FaceLandmarker(smallest=0.2) as find:
        for frame, image_HWC in enumerate(decode_video(path, info=info)):
            if frame in wanted:
                faces = tuple(face.landmarks_N3 for face in find(image_HWC)[:_FACES])
                yield Moment(f"{seconds_at(frame):.1f} s", image_HWC, _left_to_right(faces))


def _left_to_right(faces: tuple[Floats, ...]) -> tuple[Floats, ...]:
    return tuple(sorted(faces, key=lambda landmarks_N3: float(landmarks_N3[:, 0].mean())))


def _tile(moment: Moment, width: int) -> Image:
    """The whole picture, and under it eyes and mouth of each face."""
    height = round(width * moment.image_HWC.shape[0] / moment.image_HWC.shape[1])
    whole = cv2.resize(moment.image_HWC, (width, height), interpolation=cv2.INTER_AREA)
    parts = [_named(whole.astype(np.uint8), moment.name)]
    if moment.faces:
        share = width // len(moment.faces)
        columns = [_face(moment.image_HWC, landmarks, share) for landmarks in moment.faces]
        strip = np.hstack(columns)
        parts.append(np.pad(strip, ((0, 0), (0, width - strip.shape[1]), (0, 0))))
    return np.vstack(parts)


def _face(image_HWC: Image, landmarks_N3: Floats, width: int) -> Image:
    face_width = float(np.linalg.norm(np.diff(landmarks_N3[list(_EARS), :2], axis=0)))
    eyes_2 = landmarks_N3[list(_EYES), :2].mean(0)
    mouth_2 = landmarks_N3[list(_MOUTH), :2].mean(0)
    eyes = close_up(image_HWC, eyes_2, 0.5 * face_width, (width, width // 2))
    mouth = close_up(image_HWC, mouth_2, 0.4 * face_width, (width, round(0.75 * width)))
    return np.vstack([eyes, mouth])


def _named(image_HWC: Image, name: str) -> Image:
    named = np.ascontiguousarray(image_HWC)
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(
            named, name, (5, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, thickness, cv2.LINE_AA
        )
    return named


def _stretch(tile: Image, height: int) -> Image:
    return np.pad(tile, ((0, height - tile.shape[0]), (0, 0), (0, 0)))
