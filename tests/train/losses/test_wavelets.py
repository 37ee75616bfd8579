import torch
from torch.nn import functional as F  # noqa: N812

from afgen.train.losses.perceptual import feature_distance
from afgen.train.losses.wavelets import WaveletFeatures


def stripes(period: float, *, shift: float = 0.0, side: int = 64) -> torch.Tensor:
    wave = torch.sin(2 * torch.pi * (torch.arange(side) + shift) / period)
    return wave.expand(1, 3, side, side)


def test_maps_of_each_level_and_of_its_moduli() -> None:
    maps = WaveletFeatures()(torch.zeros(2, 3, 64, 64))
    assert [tuple(each.shape[1:]) for each in maps] == [
        *((36, 64, 64), (16, 32, 32)),
        *((36, 32, 32), (16, 16, 16)),
        *((36, 16, 16), (16, 8, 8)),
        (36, 8, 8),
    ]


def test_an_even_picture_has_no_features() -> None:
    for each in WaveletFeatures()(torch.full((1, 3, 32, 32), 0.3)):
        assert each.abs().max() < 1e-5


def test_moduli_barely_see_a_shift_that_signed_responses_see() -> None:
    features = WaveletFeatures()
    here, there = features(stripes(6.0))[0], features(stripes(6.0, shift=1.0))[0]
    inner = (slice(None), slice(None), slice(8, -8), slice(8, -8))
    change = (here - there).abs()[inner]
    size = here.abs()[inner]
    signed, moduli = slice(0, 24), slice(24, 36)
    assert change[:, signed].mean() > 0.5 * size[:, signed].mean()
    assert change[:, moduli].mean() < 0.15 * size[:, moduli].mean()


def test_a_blurred_picture_is_farther_than_a_brighter_one() -> None:
    features = WaveletFeatures()
    picture = stripes(5.0) * 0.5
    blurred = F.avg_pool2d(picture, 3, 1, 1)
    brighter = picture + 0.2
    truth = features(picture)
    assert feature_distance(features(blurred), truth) > 10 * feature_distance(
        features(brighter), truth
    )


def test_gradients_are_finite_where_nothing_is_seen() -> None:
    picture = torch.zeros(1, 3, 32, 32, requires_grad=True)
    torch.stack([each.sum() for each in WaveletFeatures()(picture)]).sum().backward()
    assert picture.grad is not None
    assert bool(picture.grad.isfinite().all())
