"""The folded network against the plain one."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from afgen.autoencoder.lia.bands import Bands, empty, last
from afgen.autoencoder.lia.config import LiaConfig
from afgen.autoencoder.lia.folded import FoldedLia
from afgen.autoencoder.lia.kernels import halve
from afgen.autoencoder.lia.network import LiaNetwork, Source

CONFIG = LiaConfig(size=128, latent_dim=24, directions=4, max_channels=24)
# Rounding moves a warp by less than a thousandth of a pixel, and untrained maps are white noise.
TOLERANCE = {"atol": 5e-4, "rtol": 0.0}


def network(config: LiaConfig = CONFIG) -> LiaNetwork:
    """Untrained, with biases that are not zero."""
    torch.manual_seed(5)
    made = LiaNetwork(config).eval()
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if name.endswith(("bias", "offset")):
                parameter.add_(0.2 * torch.randn_like(parameter))
    return made


def pictures(rows: int, size: int = CONFIG.size) -> Tensor:
    small = torch.rand(rows, 3, 8, 8, generator=torch.Generator().manual_seed(6)) * 2 - 1
    return F.interpolate(small, size=size, mode="bilinear")


def motions(rows: int, spread: float = 1.0) -> Tensor:
    return spread * torch.randn(rows, CONFIG.latent_dim, generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize("threads", [1, 2])
def test_encoding_is_that_of_the_plain_network(threads: int) -> None:
    plain = network()
    folded = FoldedLia(plain, threads)
    with torch.no_grad():
        expected, motion = plain.source(pictures(2)), plain.motion(pictures(2))
    found = folded.source(pictures(2))
    for ours, theirs in zip(found.features, expected.features, strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(found.latent_BD, expected.latent_BD, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(
        found.coefficients_BK, expected.coefficients_BK, atol=1e-5, rtol=1e-4
    )
    torch.testing.assert_close(found.motion_BD, expected.motion_BD, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(folded.motion(pictures(2)), motion, atol=1e-5, rtol=1e-4)


def drawn_twice(spread: float) -> tuple[Tensor, Tensor]:
    plain = network()
    with torch.no_grad():
        source = plain.source(pictures(1))
        expected = plain.decode(source, motions(3, spread))
    return FoldedLia(plain, 2).decode(source, motions(3, spread)), expected


@pytest.mark.parametrize("spread", [0.0, 1.0], ids=["still", "moving"])
def test_drawing_is_that_of_the_plain_network(spread: float) -> None:
    found, expected = drawn_twice(spread)
    torch.testing.assert_close(found, expected, **TOLERANCE)


def test_wild_drawing_is_that_of_the_plain_network_but_for_pixels_on_an_edge() -> None:
    """Flows and masks saturate, and most is fetched from beyond the border.

    Where neighbours are fetched from far apart, rounding is amplified from level to level.
    """
    found, expected = drawn_twice(30.0)
    error = (found - expected).abs()
    assert error.mean() < 1e-4
    assert (error > TOLERANCE["atol"]).float().mean() < 0.01


def test_each_network_draws_from_the_source_of_the_other() -> None:
    plain = network()
    folded = FoldedLia(plain)
    with torch.no_grad():
        expected = plain.decode(plain.source(pictures(1)), motions(1))
        crossed = plain.decode(folded.source(pictures(1)), motions(1))
    torch.testing.assert_close(crossed, expected, **TOLERANCE)
    found = folded.decode(folded.source(pictures(1)), motions(1))
    torch.testing.assert_close(found, expected, **TOLERANCE)


def test_chunks_are_the_whole_and_rows_alone_the_batch_to_the_bit() -> None:
    folded = FoldedLia(network())
    source = folded.source(pictures(1))
    whole = folded.decode(source, motions(5))
    for size in (1, 2):
        parts = [folded.decode(source, chunk) for chunk in motions(5).split(size)]
        assert torch.equal(torch.cat(parts), whole)


@pytest.mark.parametrize("strip", [1, 1 << 14, 1 << 17])
def test_strips_are_the_whole(strip: int) -> None:
    plain = network()
    whole, striped = FoldedLia(plain), FoldedLia(plain, strip=strip)
    source = whole.source(pictures(1))
    for ours, theirs in zip(striped.source(pictures(1)).features, source.features, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        striped.decode(source, motions(1)), whole.decode(source, motions(1)), **TOLERANCE
    )


def test_rows_may_have_sources_of_their_own() -> None:
    folded = FoldedLia(network())
    sources = folded.source(pictures(2))
    together = folded.decode(sources, motions(2))
    for row in range(2):
        alone = folded.decode(folded.source(pictures(2)[row : row + 1]), motions(2)[row : row + 1])
        torch.testing.assert_close(together[row : row + 1], alone, **TOLERANCE)


def test_threads_do_not_change_a_bit() -> None:
    plain = network()
    one, many = FoldedLia(plain, 1), FoldedLia(plain, 3)
    source = one.source(pictures(1))
    assert torch.equal(one.decode(source, motions(2)), many.decode(source, motions(2)))
    assert torch.equal(one.source(pictures(1)).latent_BD, many.source(pictures(1)).latent_BD)


def test_a_source_keeps_no_gradients() -> None:
    source: Source = FoldedLia(network()).source(pictures(1))
    assert not source.latent_BD.requires_grad
    assert not FoldedLia(network()).decode(source, motions(1)).requires_grad


def test_a_failing_kernel_is_heard() -> None:
    def failing(*_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Bands(2).run(failing, torch.empty(1, 64, 64, 64))


def test_bands_cover_every_row_once() -> None:
    seen: list[int] = []

    def kernel(start: int, end: int) -> None:
        seen.extend(range(start, end))

    Bands(3).run(kernel, torch.empty(2, 64, 37, 64))
    assert sorted(seen) == list(range(74))


def test_nothing_is_beyond_the_border_when_halving() -> None:
    """A bias makes the difference: what is beyond the border is zero after it, not before."""
    out = empty(1, 2, 5, 5)
    bias = torch.ones(4, 2).numpy()
    halve(last(torch.zeros(1, 2, 4, 4)), last(out), bias, 0.2, 1, -2, 0, 5)
    sums = torch.tensor([4.0, 7.0, 8.0, 7.0, 4.0]) / 8
    torch.testing.assert_close(out[0, 0], torch.outer(sums, sums))
