import numpy as np
import pytest

from afgen.autoencoder.mesh.layers import grain, push_pull, split_layers
from tests.autoencoder.mesh.portraits import identity, landmarks, photograph


def ramp(side: int = 96) -> np.ndarray:
    y, x = np.mgrid[:side, :side].astype(np.float32)
    return np.stack([x, y, x + y], axis=2)


def test_known_pixels_stay_and_a_hole_is_filled_between_its_borders() -> None:
    picture, known = ramp(), np.ones((96, 96), np.float32)
    known[30:60, 40:70] = 0
    filled = push_pull(np.where(known[..., None] > 0, picture, 1e4).astype(np.float32), known)
    assert np.allclose(filled[known > 0], picture[known > 0], atol=0.01)
    assert 25 < filled[45, 55, 1] < 65


def test_rounds_of_smoothing_meet_the_border_without_a_step() -> None:
    picture, known = ramp(), np.ones((96, 96), np.float32)
    picture[:8] = 255.0  # something bright far away
    known[30:60, 40:70] = 0
    steps = [
        np.abs(np.diff(push_pull(picture, known, rounds)[45, 36:44, 0])).max() for rounds in (0, 16)
    ]
    assert steps[1] < min(steps[0], 2.0)


@pytest.mark.parametrize("width", [0.8, 2.0])
def test_grain_has_deviation_one_and_is_the_same_every_time(width: float) -> None:
    one = grain((64, 80), width)
    assert one.std() == pytest.approx(1.0, abs=1e-3)
    assert np.array_equal(one, grain((64, 80), width))


def test_a_person_is_parted_from_the_scene() -> None:
    image, points = photograph().image_HWC, landmarks()[0]
    layers = split_layers(image, points[[10, 338, 297, 152, 67, 109], :2].astype(float), 1.0)
    x, y = np.round(points[4, :2]).astype(int)
    assert layers.coverage_PP[y, x] == 1.0
    assert layers.coverage_PP[5, 5] == 0.0
    away = layers.coverage_PP < 1.0
    assert np.array_equal(layers.scene_PPC[away], image[away])  # so that rest is exact
    assert np.abs(layers.scene_PPC[y, x].astype(int) - image[y, x]).max() > 10


def test_the_base_shows_no_face() -> None:
    base, points = identity().base_HWC, identity().landmarks_N3
    x, y = np.round(points[4, :2]).astype(int)
    patch = base[y - 10 : y + 10, x - 10 : x + 10].astype(float)
    assert patch.std() < 12
