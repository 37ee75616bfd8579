"""Finding faces in one picture and placing the 478-point mesh on each.

Two networks of MediaPipe run here, both from the wheel: the full-range face detector and the face
mesh with attention (refined lips, eyes and irises). The mesh runs as a graph of its own that is
given the region to look at, so nothing is remembered between calls: where a face was in the last
frame is a value the caller holds, and one person's state can never leak into another's.

Shape letters: H height, W width, C = 3 RGB channels, N = 478 landmarks.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import cv2
import mediapipe as mp
import numpy as np
from google.protobuf import text_format
from mediapipe.framework import calculator_pb2
from mediapipe.framework.formats import rect_pb2
from mediapipe.python.solution_base import SolutionBase

from afgen.signals import Floats, Image

LANDMARKS = 478
DETECTOR_INPUT_PX = 192  # side of the full-range detector's own picture
MIN_WINDOW_PX = 96  # a smaller part of a picture holds no usable face
BYSTANDER = 0.3  # of the largest face: below it, a face of a portrait does not count
REGION_MARGIN = 1.5  # mesh region over face box, as the mesh network was trained

Point = tuple[float, float]

_RIGHT_EYE, _LEFT_EYE = 33, 263  # outer corners, in the picture left and right
_MESH_GRAPH = """
    input_stream: "image"
    input_stream: "region"
    input_side_packet: "with_attention"
    output_stream: "landmarks"
    node {
      calculator: "FaceLandmarkCpu"
      input_stream: "IMAGE:image"
      input_stream: "ROI:region"
      input_side_packet: "WITH_ATTENTION:with_attention"
      output_stream: "LANDMARKS:landmarks"
    }
"""


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle in pixels."""

    left: float
    top: float
    width: float
    height: float

    @property
    def centre(self) -> tuple[float, float]:
        """(x, y) of the middle."""
        return self.left + self.width / 2, self.top + self.height / 2

    @property
    def size(self) -> float:
        """Side of the square of the same area."""
        return math.sqrt(self.area)

    @property
    def area(self) -> float:
        """Square pixels."""
        return max(self.width, 0.0) * max(self.height, 0.0)

    def shared(self, other: "Box") -> float:
        """Square pixels both cover."""
        wide = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        high = min(self.top + self.height, other.top + other.height) - max(self.top, other.top)
        return max(wide, 0.0) * max(high, 0.0)

    def iou(self, other: "Box") -> float:
        """Area shared over area covered, 0..1."""
        shared = self.shared(other)
        covered = self.area + other.area - shared
        return shared / covered if covered > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of whole pixels to search; it may reach beyond the picture."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Region:
    """A turned square the mesh network looks at: middle and side in pixels, turn in radians."""

    centre_x: float
    centre_y: float
    side: float
    rotation_rad: float


@dataclass(frozen=True, slots=True)
class Detection:
    """A face as the detector saw it."""

    box: Box
    region: Region
    score: float


@dataclass(frozen=True, slots=True)
class Face:
    """A face with its mesh: pixels of the picture, x right, y down, z away, all in one scale."""

    landmarks_N3: Floats
    box: Box
    score: float


def box_of(landmarks_N3: Floats) -> Box:
    """The rectangle around a mesh."""
    low, high = landmarks_N3[:, :2].min(axis=0), landmarks_N3[:, :2].max(axis=0)
    return Box(float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))


def region_of(landmarks_N3: Floats) -> Region:
    """Where to look for this face in the next frame: its box, turned so that the eyes lie level."""
    right_eye, left_eye = landmarks_N3[_RIGHT_EYE], landmarks_N3[_LEFT_EYE]
    return _region(
        box_of(landmarks_N3),
        (float(right_eye[0]), float(right_eye[1])),
        (float(left_eye[0]), float(left_eye[1])),
    )


def _region(box: Box, right_eye: Point, left_eye: Point) -> Region:
    rotation = math.atan2(left_eye[1] - right_eye[1], left_eye[0] - right_eye[0])
    return Region(*box.centre, REGION_MARGIN * max(box.width, box.height), rotation)


class FaceDetector:
    """The full-range detector over the whole picture and, when asked, over tiles of it."""

    def __init__(self, min_score: float = 0.5) -> None:
        self._graph = mp.solutions.face_detection.FaceDetection(
            min_detection_confidence=min_score, model_selection=1
        )

    def detect(
        self, image_HWC: Image, windows: Iterable[Window] | None = None, *, whole: bool = True
    ) -> list[Detection]:
        """Faces in a picture (H, W, 3), most certain first.

        The network sees a picture at 192 px, where faces under about a tenth of the side vanish
        and faces that touch the border are doubted: `windows` (see `search_windows`) are parts of
        the picture, or surroundings of it, to look into as well as (`whole`) the picture.
        """
        height, width = image_HWC.shape[:2]
        views = [Window(0, 0, width, height)] if whole else []
        found: list[Detection] = []
        for window in [*views, *(windows or ())]:
            answer = self._graph.process(_seen_through(image_HWC, window))
            found += [_detection(face, window) for face in answer.detections or ()]
        return _without_doubles(found)

    def close(self) -> None:
        """Release the network."""
        self._graph.close()


def search_windows(width: int, height: int, smallest: float) -> list[Window]:
    """Where to look for faces down to `smallest` of the picture's shorter side, coarse to fine.

    First the picture with a border around it, for faces that fill it; then overlapping squares of
    halving side until a face of that size covers a seventh of one.
    """
    shorter = min(width, height)
    border = round(0.3 * shorter)
    windows = [Window(-border, -border, width + 2 * border, height + 2 * border)]
    side = shorter if max(width, height) > 1.2 * shorter else round(shorter / 1.6)
    while side >= MIN_WINDOW_PX:
        windows += [
            Window(left, top, side, side)
            for top in _starts(height, side)
            for left in _starts(width, side)
        ]
        if side * 0.14 <= smallest * shorter:
            break
        side = round(side / 2)
    return windows


def _starts(length: int, side: int) -> list[int]:
    """Left ends of windows of `side` that cover `length` with a quarter of overlap or more."""
    count = 1 + math.ceil(max(length - side, 0) / (0.75 * side))
    return [round(i * (length - side) / max(count - 1, 1)) for i in range(count)]


def _seen_through(image_HWC: Image, window: Window) -> Image:
    """The part of the picture in the window, no larger than the network can use.

    Where the window reaches over the border, the border is repeated.
    """
    height, width = image_HWC.shape[:2]
    left, top = max(window.left, 0), max(window.top, 0)
    right, bottom = min(window.left + window.width, width), min(window.top + window.height, height)
    scale = min(1.0, DETECTOR_INPUT_PX / max(window.width, window.height))
    size = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    inside = cv2.resize(image_HWC[top:bottom, left:right], size, interpolation=cv2.INTER_AREA)
    around = (
        round((top - window.top) * scale),
        round((window.top + window.height - bottom) * scale),
        round((left - window.left) * scale),
        round((window.left + window.width - right) * scale),
    )
    if any(around):
        inside = cv2.copyMakeBorder(inside, *around, cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(inside, dtype=np.uint8)


def _detection(found: Any, window: Window) -> Detection:
    where = found.location_data
    relative = where.relative_bounding_box
    box = Box(
        window.left + relative.xmin * window.width,
        window.top + relative.ymin * window.height,
        relative.width * window.width,
        relative.height * window.height,
    )
    right_eye, left_eye = (
        (window.left + point.x * window.width, window.top + point.y * window.height)
        for point in where.relative_keypoints[:2]
    )
    return Detection(box, _region(box, right_eye, left_eye), float(found.score[0]))


def _without_doubles(found: list[Detection]) -> list[Detection]:
    """Each face once, the most certain sighting of it."""
    kept: list[Detection] = []
    for candidate in sorted(found, key=lambda one: -one.score):
        if not any(same_face(candidate.box, other.box) for other in kept):
            kept.append(candidate)
    return kept


def same_face(one: Box, other: Box) -> bool:
    """Whether two boxes are sightings of one face: much shared, or one inside the other."""
    return one.iou(other) > 0.3 or one.shared(other) > 0.6 * min(one.area, other.area)


class FaceMesh:
    """The mesh network, given where to look. One call at a time; for threads, one each."""

    def __init__(self) -> None:
        config = text_format.Parse(_MESH_GRAPH, calculator_pb2.CalculatorGraphConfig())
        self._graph = SolutionBase(
            graph_config=config, side_inputs={"with_attention": True}, outputs=["landmarks"]
        )

    def place(self, image_HWC: Image, region: Region) -> Floats | None:
        """Landmarks (478, 3) in pixels of the picture, or None where there is no face."""
        crop_HWC, left, top = _crop_around(image_HWC, region)
        height, width = crop_HWC.shape[:2]
        if min(height, width) < 8:
            return None
        rect = rect_pb2.NormalizedRect(
            x_center=(region.centre_x - left) / width,
            y_center=(region.centre_y - top) / height,
            width=region.side / width,
            height=region.side / height,
            rotation=region.rotation_rad,
        )
        answer = self._graph.process({"image": crop_HWC, "region": rect}).landmarks
        if answer is None:
            return None
        points = [(point.x, point.y, point.z) for point in answer.landmark]
        landmarks_N3 = np.asarray(points, dtype=np.float32)
        landmarks_N3 *= np.array([width, height, width], dtype=np.float32)
        landmarks_N3 += np.array([left, top, 0.0], dtype=np.float32)
        return landmarks_N3

    def close(self) -> None:
        """Release the network."""
        self._graph.close()


def _crop_around(image_HWC: Image, region: Region) -> tuple[Image, int, int]:
    """The part of the picture that holds the region, and where its corner lies.

    MediaPipe copies every picture it is given; a crop keeps that cheap for large frames.
    """
    turn = abs(math.cos(region.rotation_rad)) + abs(math.sin(region.rotation_rad))
    reach = region.side / 2 * turn + 2
    height, width = image_HWC.shape[:2]
    left = int(np.clip(math.floor(region.centre_x - reach), 0, width))
    top = int(np.clip(math.floor(region.centre_y - reach), 0, height))
    right = int(np.clip(math.ceil(region.centre_x + reach), left, width))
    bottom = int(np.clip(math.ceil(region.centre_y + reach), top, height))
    return np.ascontiguousarray(image_HWC[top:bottom, left:right]), left, top


def settle(mesh: FaceMesh, image_HWC: Image, seen: Detection) -> Face | None:
    """The mesh of a detection, or None if the mesh network sees no face there.

    A second look from the first mesh's own region takes out the detector's coarse box.
    """
    first_N3 = mesh.place(image_HWC, seen.region)
    if first_N3 is None:
        return None
    landmarks_N3 = mesh.place(image_HWC, region_of(first_N3))
    if landmarks_N3 is None:
        return None
    box = box_of(landmarks_N3)
    agree = 0.4 < box.size / max(seen.box.size, 1e-6) < 2.5 and same_face(box, seen.box)
    return Face(landmarks_N3, box, seen.score) if agree else None


class FaceLandmarker:
    """One picture in, every face of it with its mesh out. Remembers nothing between pictures."""

    def __init__(self, *, min_score: float = 0.5, smallest: float = 0.05) -> None:
        """`smallest` is the smallest face looked for, a fraction of the picture's shorter side."""
        self._smallest = smallest
        self._detector = FaceDetector(min_score)
        self._mesh = FaceMesh()

    def __call__(self, image_HWC: Image) -> list[Face]:
        """Faces of a uint8 RGB picture (H, W, 3), largest first."""
        height, width = image_HWC.shape[:2]
        windows = search_windows(width, height, self._smallest)
        faces: list[Face] = []
        for seen in self._detector.detect(image_HWC, windows):
            face = settle(self._mesh, image_HWC, seen)
            if face is not None and not any(same_face(face.box, other.box) for other in faces):
                faces.append(face)
        return sorted(faces, key=lambda face: -face.box.size)

    def close(self) -> None:
        """Release both networks."""
        self._detector.close()
        self._mesh.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def landmarks_of_portrait(image_HWC: Image) -> list[Face]:
    """Faces of a still picture, largest first: photographs, paintings, cartoons, statues.

    A drawn face may convince the detector less than a photographed one, so where nothing is found
    the search is repeated with a lower threshold; the mesh has the last word on what is a face.
    Faces far smaller than the largest are bystanders, prints and the like, and left out.
    """
    for min_score in (0.5, 0.3):
        with FaceLandmarker(min_score=min_score) as landmarker:
            faces = landmarker(image_HWC)
        if faces:
            return [face for face in faces if face.box.size > BYSTANDER * faces[0].box.size]
    return []
