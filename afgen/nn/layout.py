"""How weights lie in memory: the same layers, laid out for few rows at a time.

The 30 rows of a block use each weight 30 times, so what a processor does to get at it counts as
much as the product. Wide layers are packed once into the blocks that oneDNN's kernels read, which
the usual call does anew each time; narrow ones fit the cache, and only need to be turned around.
"""

import torch
from torch import Tensor, nn

from afgen.errors import SetupError

PACKED_FROM = 512  # inputs of a layer; below, packing gains nothing


class PackedLinear(nn.Module):
    """A linear layer with a weight packed by oneDNN, which nothing else can read.

    Computes in the weight's type and answers in the input's. It serves sampling only: it has no
    gradient, stays on the CPU, and is not saved.
    """

    def __init__(self, layer: nn.Linear, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        weight_OI = layer.weight.detach().to(dtype).contiguous()
        self.packed = torch.ops.mkldnn._reorder_linear_weight(weight_OI)
        self.bias = nn.Parameter(layer.bias.detach().to(dtype), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) -> (..., outputs)."""
        y = torch.ops.mkldnn._linear_pointwise(
            x.to(self.dtype), self.packed, self.bias, "none", [], ""
        )
        return y.to(x.dtype)  # type: ignore[no-any-return]


class RoundedLinear(nn.Linear):
    """A linear layer with weights of a smaller type, in which it also computes.

    All that lies between such layers (norms, residuals, rotations, sums) keeps the input's type.
    """

    def __init__(self, layer: nn.Linear, dtype: torch.dtype) -> None:
        super().__init__(layer.in_features, layer.out_features, device="meta")
        self.weight = nn.Parameter(layer.weight.detach().to(dtype), requires_grad=False)
        self.bias = nn.Parameter(layer.bias.detach().to(dtype), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) -> (..., outputs) in the type of `x`."""
        return super().forward(x.to(self.weight.dtype)).to(x.dtype)


@torch.no_grad()
def lay_out_for_sampling(module: nn.Module, dtype: torch.dtype = torch.float32) -> None:
    """Lay out every linear layer below `module` for where it lies, computing in `dtype`.

    Last step before sampling: afterwards `module` can be neither trained nor moved nor saved.
    Raises SetupError for a type that this processor cannot multiply in.
    """
    for parent in list(module.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, nn.Linear):
                setattr(parent, name, _laid_out(layer, dtype))


def computing_type(module: nn.Module) -> torch.dtype:
    """The type that a laid out module's linear layers compute in."""
    for layer in module.modules():
        if isinstance(layer, PackedLinear):
            return layer.dtype
        if isinstance(layer, nn.Linear):
            return layer.weight.dtype
    raise ValueError("there is no linear layer")


def _laid_out(layer: nn.Linear, dtype: torch.dtype) -> nn.Module:
    on_cpu = layer.weight.device.type == "cpu"
    if on_cpu and dtype == torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        raise SetupError(
            "this processor cannot compute in bfloat16.", hint="Leave the type at float32."
        )
    if on_cpu and layer.in_features >= PACKED_FROM and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return PackedLinear(layer, dtype)
    if dtype != layer.weight.dtype:
        return RoundedLinear(layer, dtype)
    if on_cpu:
        layer.weight.data = layer.weight.t().contiguous().t()
    return layer
