import torch
from torch import nn

from afgen.nn.layout import lay_out_for_sampling


def test_only_the_layout_changes() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(24, 8), nn.LayerNorm(8), nn.Linear(8, 5))
    before, x = {k: v.clone() for k, v in module.state_dict().items()}, torch.randn(30, 24)
    expected = module(x)
    lay_out_for_sampling(module)
    assert module[0].weight.t().is_contiguous()
    torch.testing.assert_close(module(x), expected)
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, before[name]), name
