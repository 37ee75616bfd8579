import numpy as np
import pytest

from afgen.autoencoder.mesh.crop import Crop
from afgen.autoencoder.mesh.paste import build_paste, paste
from afgen.autoencoder.mesh.script import act
from tests.autoencoder.mesh.portraits import autoencoder, decoded, identity, photograph

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (120, 160, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [40, 64, 100])
def test_pixels_outside_the_crop_stay_untouched(size: int) -> None:
    crop = Crop(left=30, top=20, side=64, size=size)
    where = build_paste(crop, np.ones((size, size), np.float32), PICTURE.shape)
    out = paste(PICTURE, np.zeros((size, size, 3), np.uint8), where)
    outside = np.ones(PICTURE.shape[:2], bool)
    outside[20:84, 30:94] = False
    assert np.array_equal(out[outside], PICTURE[outside])
    assert np.all(out[50:54, 60:64] == 0)


def test_the_border_fades_except_on_the_pictures_own_side() -> None:
    crop = Crop(left=0, top=20, side=64, size=64)
    where = build_paste(crop, np.ones((64, 64), np.float32), PICTURE.shape)
    assert np.all(where.weight_HW[10:54, 0] == 255)
    assert np.all(where.weight_HW[0] < 64)
    assert np.all(where.weight_HW[10:54, -1] < 64)


def test_what_is_out_of_reach_stays_untouched() -> None:
    crop = Crop(left=30, top=20, side=64, size=64)
    reach = np.zeros((64, 64), np.float32)
    reach[20:40, 20:40] = 1
    out = paste(PICTURE, np.zeros((64, 64, 3), np.uint8), build_paste(crop, reach, PICTURE.shape))
    changed = np.nonzero(np.any(out != PICTURE, axis=2))
    assert changed[0].min() >= 39 and changed[0].max() <= 60
    assert changed[1].min() >= 49 and changed[1].max() <= 70


def test_a_crop_at_the_portraits_own_resolution_comes_back_exactly() -> None:
    native = identity(None)
    assert native.crop.scale == 1.0 or native.size == 256
    kept = identity(256)
    (picture,) = decoded(autoencoder().reference_motion(kept))
    whole = autoencoder().paste(kept, picture)
    assert whole.shape == photograph().image_HWC.shape
    assert np.abs(whole.astype(int) - photograph().image_HWC).mean() < 1.0


def test_pasting_leaves_the_portrait_itself_alone() -> None:
    before = photograph().image_HWC.copy()
    (picture,) = decoded(act(yaw=12, jaw_open=1.0).motion())
    autoencoder().paste(identity(), picture)
    assert np.array_equal(before, photograph().image_HWC)
