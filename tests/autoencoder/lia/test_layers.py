"""Layers against their definitions, written out the long way."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from afgen.autoencoder.lia.basis import MotionBasis, orthonormal
from afgen.autoencoder.lia.blur import Blur, double
from afgen.autoencoder.lia.modulated import ModulatedConv, ModulatedPoint
from afgen.autoencoder.lia.warp import fetch, place


def filtered(x_BCHW: Tensor, before: int, after: int, gain: float) -> Tensor:
    """The two-dimensional filter on a padded picture, channel by channel."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8 * gain
    kernel = torch.outer(taps, taps)[None, None]
    padded = F.pad(x_BCHW, (before, after, before, after))
    return F.conv2d(padded.flatten(0, 1)[:, None], kernel).view(
        *x_BCHW.shape[:2], padded.shape[2] - 3, padded.shape[3] - 3
    )


def test_blur_is_the_two_dimensional_filter() -> None:
    x = torch.randn(2, 3, 8, 6)
    torch.testing.assert_close(Blur(padding=2, gain=2.0)(x), filtered(x, 2, 2, 2.0))
    torch.testing.assert_close(Blur(padding=1, stride=2)(x), filtered(x, 1, 1, 1.0)[..., ::2, ::2])


def test_double_is_zeros_between_pixels_and_the_filter() -> None:
    x = torch.randn(2, 3, 5, 5)
    spread = torch.zeros(2, 3, 10, 10)
    spread[..., ::2, ::2] = x
    torch.testing.assert_close(double(x), filtered(spread, 2, 1, 2.0))


@pytest.mark.parametrize("upsample", [False, True])
def test_modulated_convolution_is_that_of_a_kernel_scaled_for_each_row(upsample: bool) -> None:
    conv, style = ModulatedConv(6, 4, 5, upsample=upsample), torch.randn(3, 5)
    with torch.no_grad():
        conv.bias.normal_()
        found = conv(x := torch.randn(3, 6, 8, 8), style)
        for row in range(3):
            kernel = conv.weight * conv.modulation(style)[row].view(1, -1, 1, 1) / 54**0.5
            kernel = kernel / (kernel.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
            if upsample:
                wide = F.conv_transpose2d(x[row : row + 1], kernel.transpose(0, 1), stride=2)
                out = filtered(wide, 1, 1, 2.0)
            else:
                out = F.conv2d(x[row : row + 1], kernel, padding=1)
            out = F.leaky_relu(out + conv.bias.view(1, -1, 1, 1), 0.2) * 2**0.5
            torch.testing.assert_close(found[row : row + 1], out, atol=2e-5, rtol=1e-4)


def test_modulated_point_is_a_point_convolution_of_a_kernel_scaled_for_each_row() -> None:
    point, style, x = ModulatedPoint(6, 3, 5), torch.randn(2, 5), torch.randn(2, 6, 4, 4)
    with torch.no_grad():
        found = point(x, style)
        for row in range(2):
            kernel = point.weight * point.modulation(style)[row] / 6**0.5
            out = F.conv2d(x[row : row + 1], kernel[:, :, None, None])
            torch.testing.assert_close(found[row : row + 1], out)


def test_fetching_follows_the_flow_and_finds_nothing_beyond_the_border() -> None:
    features = torch.arange(16.0).view(1, 1, 4, 4)
    to_right = torch.full((1, 3, 4, 4), 0.0)
    to_right[:, 0] = torch.atanh(torch.tensor(0.5))  # a quarter of the picture: one pixel
    grid, mask = place(to_right)
    here = torch.linspace(-1, 1, 4)
    torch.testing.assert_close(grid[0, :, :, 0], (here + 0.5).expand(4, 4))
    torch.testing.assert_close(grid[0, :, :, 1], here[:, None].expand(4, 4))
    torch.testing.assert_close(mask, torch.full((1, 1, 4, 4), 0.5))
    far = torch.full((1, 4, 4, 2), 1.5)
    assert fetch(features, far).abs().max() == 0
    centre = torch.zeros(1, 1, 1, 2)
    assert fetch(features, centre).item() == pytest.approx((5 + 6 + 9 + 10) / 4)


def test_directions_stay_orthonormal_and_close_when_an_optimiser_moves_them() -> None:
    basis = MotionBasis(16, 4)
    before = basis.vectors.detach().clone()
    with torch.no_grad():
        basis.vectors.add_(0.01 * torch.randn(16, 4))
    basis.orthonormalise_()
    torch.testing.assert_close(basis.vectors.T @ basis.vectors, torch.eye(4), atol=1e-6, rtol=0)
    assert (basis.vectors - before).abs().max() < 0.1
    torch.testing.assert_close(orthonormal(-before), -before, atol=1e-6, rtol=0)
