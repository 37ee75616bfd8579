import numpy as np
import pytest

from afgen.evaluate.pictures.likeness import decibels, psnr, squared_error, ssim

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 200, (40, 50, 3), dtype=np.uint8)


def test_equal_pictures_are_perfectly_alike() -> None:
    assert psnr(PICTURE, PICTURE) == float("inf")
    assert ssim(PICTURE, PICTURE) == pytest.approx(1.0)


def test_psnr_of_a_known_error() -> None:
    assert squared_error(PICTURE, PICTURE + 10) == 100.0
    assert psnr(PICTURE, PICTURE + 10) == pytest.approx(28.1308, abs=1e-3)
    assert decibels(255.0**2) == 0.0


def test_noise_costs_structure() -> None:
    noisy = np.clip(PICTURE + RNG.normal(0, 40, PICTURE.shape), 0, 255).astype(np.uint8)
    noisier = np.clip(PICTURE + RNG.normal(0, 90, PICTURE.shape), 0, 255).astype(np.uint8)
    assert 1.0 > ssim(PICTURE, noisy) > ssim(PICTURE, noisier)
