"""Layouts for sampling compute what the plain layers compute."""

import pytest
import torch
from torch import nn

from afgen.nn.layout import PACKED_FROM, PackedLinear, computing_type, lay_out_for_sampling

needs_packing = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN"
)
needs_bfloat16 = pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="this processor has no bfloat16"
)


def layers(inputs: int) -> nn.Sequential:
    torch.manual_seed(0)
    made = nn.Sequential(nn.Linear(inputs, 8), nn.LayerNorm(8), nn.Sequential(nn.Linear(8, 5)))
    return made.requires_grad_(False)


def test_narrow_layers_are_turned_around_and_stay_what_they_are() -> None:
    module = layers(24)
    before, x = {k: v.clone() for k, v in module.state_dict().items()}, torch.randn(30, 24)
    expected = module(x)
    lay_out_for_sampling(module)
    assert module[0].weight.t().is_contiguous()
    torch.testing.assert_close(module(x), expected)
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, before[name]), name


@needs_packing
@pytest.mark.parametrize("shape", [(1,), (30,), (3, 12)])
def test_packed_equals_plain(shape: tuple[int, ...]) -> None:
    module, x = layers(PACKED_FROM), torch.randn(*shape, PACKED_FROM)
    expected = module(x)
    lay_out_for_sampling(module)
    assert isinstance(module[0], PackedLinear)
    assert computing_type(module) == torch.float32
    torch.testing.assert_close(module(x), expected, atol=1e-5, rtol=1e-5)


@needs_bfloat16
def test_bfloat16_is_for_the_products_alone() -> None:
    module, x = layers(PACKED_FROM), torch.randn(30, PACKED_FROM)
    expected = module(x)
    lay_out_for_sampling(module, torch.bfloat16)
    answer = module(x)
    assert answer.dtype == torch.float32
    assert module[2][0].weight.dtype == computing_type(module) == torch.bfloat16
    torch.testing.assert_close(answer, expected, atol=0.03, rtol=0.03)
    assert not torch.equal(answer, expected)
