"""Finding faces: large, small, filling the picture, absent, and in the corpus' portraits."""

import csv

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage

from afgen.tracks.landmarks import (
    Box,
    FaceLandmarker,
    FaceMesh,
    landmarks_of_portrait,
    region_of,
    same_face,
    search_windows,
)
from tests.shared import SHARED, needs_corpus
from tests.tracks.scenes import astronaut

FACE = Box(88, 67, 93, 110)  # of the astronaut, as measured by eye


def test_a_photograph_has_one_face_where_it_is() -> None:
    (face,) = landmarks_of_portrait(astronaut())
    assert face.landmarks_N3.shape == (478, 3)
    assert face.box.iou(FACE) > 0.85


def test_a_face_that_fills_the_picture_is_found() -> None:
    close = cv2.resize(astronaut()[60:185, 75:195], (480, 500))
    (face,) = landmarks_of_portrait(close)
    assert face.box.height > 350


def test_a_face_of_a_twentieth_of_the_picture_is_found() -> None:
    wide = np.full((720, 1280, 3), 90, np.uint8)
    small = cv2.resize(astronaut(), (92, 92), interpolation=cv2.INTER_AREA)
    wide[500:592, 1000:1092] = small
    with FaceLandmarker() as landmarker:
        (face,) = landmarker(wide)
    assert face.box.height < 0.06 * 720
    assert face.box.iou(Box(1000 + 88 * 92 / 256, 500 + 67 * 92 / 256, 33, 40)) > 0.6


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_picture_has_no_face(level: int) -> None:
    assert landmarks_of_portrait(np.full((200, 300, 3), level, np.uint8)) == []


def test_the_back_of_a_head_is_no_face() -> None:
    assert landmarks_of_portrait(astronaut()[20:66, 60:215]) == []


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (400, 3)])
def test_pictures_of_odd_sizes_are_searched_without_harm(size: tuple[int, int]) -> None:
    assert landmarks_of_portrait(np.zeros((*size, 3), np.uint8)) == []


def test_the_mesh_remembers_nothing() -> None:
    """Whatever it saw in between, the same picture and region give the same landmarks."""
    picture = astronaut()
    (face,) = landmarks_of_portrait(picture)
    region = region_of(face.landmarks_N3)
    mesh = FaceMesh()
    first = mesh.place(picture, region)
    mesh.place(astronaut(9), region)
    mesh.place(picture[:, ::-1].copy(), region)
    again = mesh.place(picture, region)
    mesh.close()
    assert first is not None
    np.testing.assert_array_equal(first, again)


def test_one_box_inside_another_is_the_same_face() -> None:
    assert same_face(Box(0, 0, 100, 100), Box(30, 30, 40, 40))
    assert not same_face(Box(0, 0, 100, 100), Box(80, 0, 100, 100))


@pytest.mark.parametrize("size", [(1280, 720), (720, 1280), (512, 512), (64, 48)])
def test_search_windows_cover_the_picture(size: tuple[int, int]) -> None:
    width, height = size
    windows = search_windows(width, height, 0.05)
    covered = np.zeros((height, width), bool)
    for window in windows[1:] or windows:
        left, top = max(window.left, 0), max(window.top, 0)
        covered[top : window.top + window.height, left : window.left + window.width] = True
    assert covered.all()


@needs_corpus
@pytest.mark.slow
def test_every_portrait_of_the_corpus_has_the_faces_it_shows() -> None:
    """One each; two in pictures of two people; none on the dog."""
    with (SHARED / "corpus/MANIFEST.csv").open() as manifest:
        rows = [row for row in csv.DictReader(manifest) if row["kind"] == "portrait"]
    wrong = []
    for row in rows:
        several = "2p-" in row["file"] or "multi" in row["file"]
        expected = 0 if row["subkind"] == "animal" else 2 if several else 1
        with PillowImage.open(SHARED / "corpus" / row["file"]) as picture:
            found = len(landmarks_of_portrait(np.asarray(picture.convert("RGB"))))
        if found != expected:
            wrong.append((row["file"], found))
    assert wrong == []
