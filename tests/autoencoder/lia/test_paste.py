import numpy as np
import pytest

from afgen.autoencoder.lia.crop import Square, cut
from afgen.autoencoder.lia.paste import EDGE, paste, paste_place


def grey(level: int, *shape: int) -> np.ndarray:
    return np.full((*shape, 3), level, np.uint8)


def test_the_middle_is_the_crop_and_the_rest_is_the_portrait() -> None:
    place = paste_place(Square(100, 80, 80), (160, 200))
    out = paste(grey(50, 160, 200), grey(200, 64, 64), place)
    assert out.shape == (160, 200, 3)
    assert (out[70:90, 90:110] == 200).all()
    assert (out[:40] == 50).all() and (out[:, 140:] == 50).all()


def test_the_edge_is_soft() -> None:
    out = paste(grey(0, 160, 200), grey(255, 80, 80), paste_place(Square(100, 80, 80), (160, 200)))
    steps = np.diff(out[80, 58:70, 0].astype(int))
    assert (steps >= 0).all()
    assert steps.max() < 1.6 * 255 / (EDGE * 80)


def test_a_side_that_the_portrait_cuts_off_does_not_fade() -> None:
    out = paste(grey(0, 100, 100), grey(255, 80, 80), paste_place(Square(20, 50, 80), (100, 100)))
    assert (out[50, :40] == 255).all()
    assert out[50, 59, 0] < 40


@pytest.mark.parametrize("square", [Square(100, 80, 80), Square(20, 90, 80), Square(190, 10, 60)])
def test_what_was_cut_goes_back_where_it_was(square: Square) -> None:
    portrait = np.random.default_rng(0).integers(0, 255, (16, 20, 3)).astype(np.uint8)
    portrait = portrait.repeat(10, 0).repeat(10, 1)
    crop = cut(portrait, square, round(square.side))
    back = paste(portrait, crop, paste_place(square, portrait.shape))
    np.testing.assert_array_equal(back, portrait)
