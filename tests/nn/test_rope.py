import pytest
import torch

from afgen.nn.rope import rotary, rotate


def logits(query: torch.Tensor, key: torch.Tensor, start: int) -> torch.Tensor:
    turns = rotary(torch.arange(start, start + 12), 16)
    return torch.einsum("thd,shd->hts", rotate(query, turns), rotate(key, turns))


@pytest.mark.parametrize("start", [-40, 7, 900])
def test_only_differences_of_positions_matter(start: int) -> None:
    query, key = torch.randn(2, 12, 3, 16, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(logits(query, key, start), logits(query, key, 0), atol=1e-3, rtol=0)


def test_rotation_keeps_lengths() -> None:
    x = torch.randn(12, 3, 16, generator=torch.Generator().manual_seed(1))
    turned = rotate(x, rotary(torch.arange(12), 16))
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    assert not torch.allclose(turned[1:], x[1:])


def test_position_zero_turns_nothing() -> None:
    x = torch.randn(1, 3, 16, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(rotate(x, rotary(torch.zeros(1), 16)), x)
