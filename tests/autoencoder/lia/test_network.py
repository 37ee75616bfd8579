"""The network as a whole, small and untrained."""

import pytest
import torch

from afgen.autoencoder.lia.config import LiaConfig
from afgen.autoencoder.lia.network import LiaNetwork, Source

SMALL = LiaConfig(size=64, latent_dim=24, directions=4, max_channels=16)


def network(config: LiaConfig = SMALL) -> LiaNetwork:
    torch.manual_seed(5)
    return LiaNetwork(config).eval()


def pictures(rows: int, size: int = 64) -> torch.Tensor:
    return torch.rand(rows, 3, size, size, generator=torch.Generator().manual_seed(6)) * 2 - 1


def test_shapes() -> None:
    made = network()
    with torch.inference_mode():
        source = made.source(pictures(1))
        drawn = made.decode(source, made.motion(pictures(3)))
    assert source.latent_BD.shape == (1, 24)
    assert source.coefficients_BK.shape == (1, 4)
    assert [feature.shape[1:] for feature in source.features] == [
        (SMALL.channels(side), side, side) for side in (8, 16, 32, 64)
    ]
    assert drawn.shape == (3, 3, 64, 64)
    assert drawn.isfinite().all()


def test_a_batch_is_its_rows_alone() -> None:
    made = network()
    with torch.inference_mode():
        source, motion = made.source(pictures(1)), made.motion(pictures(4))
        together = made.decode(source, motion)
        for row in range(4):
            alone = made.decode(source, motion[row : row + 1])[0]
            torch.testing.assert_close(together[row], alone, atol=1e-4, rtol=1e-4)


def test_rows_may_have_sources_of_their_own() -> None:
    made = network()
    with torch.inference_mode():
        sources, motion = made.source(pictures(2)), made.motion(pictures(2).flip(0))
        together = made.decode(sources, motion)
        for row in range(2):
            alone = Source(
                sources.latent_BD[row : row + 1],
                sources.coefficients_BK[row : row + 1],
                sources.motion_BD[row : row + 1],
                tuple(feature[row : row + 1] for feature in sources.features),
            )
            picture = made.decode(alone, motion[row : row + 1])[0]
            torch.testing.assert_close(together[row], picture, atol=1e-4, rtol=1e-4)


def test_all_parameters_learn() -> None:
    """Source and target of one clip, as the autoencoder is trained: every gradient is there."""
    made = network().train()
    motion = made.motion(pictures(2).flip(3))
    loss = (made.decode(made.source(pictures(2)), motion) - pictures(2)).abs().mean()
    loss.backward()
    still = [
        name
        for name, parameter in made.named_parameters()
        if parameter.grad is None
        or not parameter.grad.isfinite().all()
        or not parameter.grad.abs().max() > 0
    ]
    assert not still


def test_half_precision_follows_the_parameters() -> None:
    made = network()
    with torch.inference_mode():
        exact = made.decode(made.source(pictures(1)), made.motion(pictures(1)))
        made.to(torch.bfloat16)
        half = pictures(1).to(torch.bfloat16)
        rough = made.decode(made.source(half), made.motion(half))
    assert rough.dtype == torch.bfloat16
    assert (rough.float() - exact).abs().mean() < 0.1 * exact.std()


def test_sizes_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ValueError, match="100"):
        LiaConfig(size=100)
    with pytest.raises(ValueError, match="directions"):
        LiaConfig(latent_dim=8, directions=9)


def test_the_parameters_are_as_many_as_published() -> None:
    with torch.device("meta"):
        made = LiaNetwork(LiaConfig())
    encoder = sum(parameter.numel() for parameter in made.encoder.parameters())
    assert encoder == pytest.approx(22.73e6, abs=0.01e6)
