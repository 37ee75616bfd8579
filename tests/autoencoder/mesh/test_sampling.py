import numpy as np
import pytest

from afgen.autoencoder.compiled import kernel
from afgen.autoencoder.mesh.sampling import (
    height_at,
    sample_channel,
    sample_colour,
    step,
    unit,
)


def test_code_that_nowhere_can_be_kept_is_compiled_all_the_same() -> None:
    space: dict[str, object] = {}
    exec("def plus_one(x):\n    return x + 1", space)  # without a file, there is no place beside it
    assert kernel(space["plus_one"])(2) == 3


@pytest.mark.parametrize("place", [(2.0, 3.0), (2.25, 3.75), (-5.0, 1.5), (99.0, 99.0)])
def test_pictures_are_read_between_their_pixels_and_beyond_their_border(place) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (6, 8, 4), dtype=np.uint8)
    u, v = np.clip(place[0], 0, 6.999), np.clip(place[1], 0, 4.999)
    x, y, p, q = int(u), int(v), u % 1, v % 1
    weights = np.outer([1 - q, q], [1 - p, p])
    truth = np.einsum("yx,yxc->c", weights, picture[y : y + 2, x : x + 2].astype(float))
    assert sample_colour(picture, *place) == pytest.approx(truth, abs=1.6)
    assert sample_channel(picture, 2, *place) == pytest.approx(truth[2], abs=0.6)


def test_curves_are_read_between_their_samples() -> None:
    curve = np.array([0.0, 4.0, 2.0], np.float32)
    read = [height_at(curve, position) for position in (-1.0, 0.0, 0.25, 0.5, 0.75, 1.0, 9.0)]
    assert read == pytest.approx([0, 0, 2, 4, 3, 2, 2])


def test_steps() -> None:
    assert [unit(x) for x in (-1.0, 0.3, 7.0)] == [0.0, 0.3, 1.0]
    assert [step(0.0, 2.0, x) for x in (-1.0, 1.0, 3.0)] == [0.0, 0.5, 1.0]
    assert step(2.0, 0.0, 0.0) == 1.0
