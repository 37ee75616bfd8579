import numpy as np
import pytest

from afgen.autoencoder.lia.crop import CropConfig, Square, cut, follow, square_around


def face(x: float, y: float, width: float = 40.0, height: float = 50.0) -> np.ndarray:
    """Landmarks that fill a box about (x, y)."""
    grid = np.linspace(-0.5, 0.5, 468)
    points = np.stack([x + width * grid, y + height * np.roll(grid, 1), 0 * grid], axis=1)
    irises = np.tile([x, y, 0.0], (10, 1))
    return np.concatenate([points, irises]).astype(np.float32)


def ramp(height: int = 120, width: int = 160) -> np.ndarray:
    across = np.broadcast_to(np.arange(width), (height, width))
    down = np.broadcast_to(np.arange(height)[:, None], (height, width))
    return np.stack([across, down, 0 * down], axis=2).astype(np.uint8)


def test_the_square_is_twice_the_face() -> None:
    square = square_around(face(80, 60))
    assert (square.centre_x, square.centre_y) == pytest.approx((80, 60), abs=0.1)
    assert square.side == pytest.approx(100, abs=0.1)


def test_a_square_of_whole_pixels_is_taken_as_it_is() -> None:
    cut_HWC = cut(ramp(), Square(80, 60, 64), 64)
    np.testing.assert_array_equal(cut_HWC, ramp()[28:92, 48:112])


def test_fractions_of_a_pixel_count() -> None:
    cut_HWC = cut(ramp(), Square(80.5, 60.25, 32), 64)
    assert cut_HWC[32, 32, 0] == pytest.approx(80.5, abs=1)
    assert cut_HWC[32, 32, 1] == pytest.approx(60.25, abs=1)


def test_shrinking_keeps_no_fine_pattern() -> None:
    checks = (np.indices((200, 200)).sum(0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, 2)
    shrunk = cut(checks, Square(100, 100, 160), 40)
    assert np.ptp(shrunk.astype(int)) < 16


def test_beyond_the_picture_its_border_goes_on() -> None:
    cut_HWC = cut(ramp(), Square(0, 60, 64), 64)
    np.testing.assert_array_equal(cut_HWC[32, 32:, 0], np.arange(32))
    assert (cut_HWC[:, :32, 0] == 0).all()


def test_a_square_may_be_larger_than_the_picture() -> None:
    whole = cut(ramp(40, 50), Square(25, 20, 500), 100)
    assert whole.shape == (100, 100, 3)
    assert whole[..., 0].max() <= 50 and whole[..., 1].max() <= 40


def test_a_head_that_sways_does_not_move_its_square() -> None:
    state = None
    places = []
    for frame in range(500):
        state = follow(face(80 + 6 * np.sin(frame / 7), 60), state, CropConfig())
        places.append(state.square.centre_x)
    assert np.ptp(places[250:]) < 0.3
    assert np.mean(places[250:]) == pytest.approx(80, abs=1)


def test_a_face_that_goes_elsewhere_stays_inside() -> None:
    state = None
    for x in [60.0] * 100 + [300.0] * 3:
        state = follow(face(x, 60), state, CropConfig())
    assert abs(300 - state.square.centre_x) <= 0.2 * state.square.side + 1e-3
    closer = follow(face(300, 60, 100, 125), state, CropConfig())
    assert closer.square.side >= 250 / 1.3 - 1e-3


def test_the_square_is_that_of_the_past_alone() -> None:
    states = []
    for last in (70.0, 200.0):
        state = None
        for x in (60.0, 64.0, last):
            state = follow(face(x, 60), state, CropConfig())
            states.append(state)
    assert states[:2] == states[3:5]
