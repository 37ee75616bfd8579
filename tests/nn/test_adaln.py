import torch
from torch.nn import functional as F  # noqa: N812

from afgen.nn.adaln import Modulation, TimeEmbedding, modulate, sinusoids


def test_sinusoids_start_with_the_fastest_cosine() -> None:
    waves = sinusoids(torch.tensor([0.0, 2.0]), 8)
    torch.testing.assert_close(waves[0], torch.tensor([1.0, 1, 1, 1, 0, 0, 0, 0]))
    torch.testing.assert_close(waves[1, 0], torch.tensor(2.0).cos())
    torch.testing.assert_close(waves[1, 7], torch.tensor(2.0 * 1e4**-0.75).sin())


def test_a_new_modulation_changes_nothing() -> None:
    shift, scale, gate = Modulation(16, 3)(TimeEmbedding(16)(torch.rand(2, 5))).chunk(3, dim=-1)
    x = torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(modulate(x, shift, scale), F.layer_norm(x, (16,), eps=1e-6))
    assert gate.abs().sum() == 0


def test_each_frame_has_its_own_time() -> None:
    torch.manual_seed(3)
    embedding = TimeEmbedding(16)
    both = embedding(torch.tensor([[0.2, 0.9]]))
    torch.testing.assert_close(both[0, 1], embedding(torch.tensor([[0.9]]))[0, 0])
