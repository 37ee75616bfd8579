import numpy as np
import pytest

from afgen.autoencoder.mesh.crop import Crop, choose_crop, cut


def face(x: float, y: float, side: float) -> np.ndarray:
    landmarks = np.zeros((478, 3), np.float32)
    landmarks[:468, 0] = np.linspace(x - side / 2, x + side / 2, 468)
    landmarks[:468, 1] = np.linspace(y - side / 2, y + side / 2, 468)
    return landmarks


def test_a_crop_stays_inside_the_picture_where_it_can() -> None:
    for x, y in ((60, 60), (320, 240), (600, 430)):
        crop = choose_crop(face(x, y, 100), (480, 640, 3), 512)
        assert crop.side == 230
        assert 0 <= crop.left <= 640 - crop.side and 0 <= crop.top <= 480 - crop.side


def test_a_large_face_gets_the_whole_of_the_shorter_side() -> None:
    crop = choose_crop(face(320, 240, 300), (480, 640, 3), 512)
    assert (crop.side, crop.top) == (480, 0)


def test_a_face_larger_than_the_picture_goes_beyond_it() -> None:
    crop = choose_crop(face(50, 240, 120), (480, 100, 3), 512)
    assert crop.side == 144 and crop.left < 0


@pytest.mark.parametrize(("side", "size"), [(100, 256), (300, 690), (900, 1280)])
def test_without_a_size_the_portraits_own_resolution_is_kept_within_bounds(side, size) -> None:
    assert choose_crop(face(1500, 1500, side), (3000, 3000, 3), None).size == size


def test_points_and_pixels_are_cut_alike() -> None:
    picture = np.zeros((200, 300, 3), np.uint8)
    picture[118:123, 158:163] = 255
    for size in (60, 120, 400):
        crop = Crop(left=100, top=60, side=120, size=size)
        shown = cut(picture, crop, pad=7).mean(2)
        y, x = np.nonzero(shown > 127)
        point = crop.from_portrait(np.array([[160.0, 120.0, 2.0]]))[0]
        assert (x.mean() - 7, y.mean() - 7) == pytest.approx(tuple(point[:2]), abs=0.6)
        assert point[2] == pytest.approx(2.0 * size / 120)
        back = crop.to_portrait_map() @ np.array([*point[:2], 1.0])
        assert back == pytest.approx([160.0, 120.0])


def test_a_crop_of_the_same_scale_is_a_copy() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    crop = Crop(left=20, top=10, side=50, size=50)
    assert np.array_equal(cut(picture, crop, 0), picture[10:60, 20:70])
