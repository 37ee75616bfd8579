"""Features of VGG-19, with weights that the user has.

Simonyan & Zisserman, "Very Deep Convolutional Networks", ICLR 2015, configuration E, read after
the first layer of each of its five groups as in Johnson et al., "Perceptual Losses", ECCV 2016. The
weights are those of torchvision's `vgg19`, from a .pth or .safetensors file of which only tensors
are read. Shape letters: B rows, C channels, H and W pixels.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from afgen.checkpoint import check_layout
from afgen.weights.reading import read_weights, require_finite

_GROUPS: Final = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 1))  # channels, layers that are used
_LAYERS_A_GROUP: Final = (2, 2, 4, 4, 4)  # layers that are there
_PREFIX: Final = "features."
_MEAN: Final = (0.485, 0.456, 0.406)  # of ImageNet, in [0, 1]
_DEVIATION: Final = (0.229, 0.224, 0.225)


class Vgg19Features(nn.Module):
    """Maps (B, C, H, W) of pictures (B, 3, H, W) in [-1, 1], at 1, 1/2, ... 1/16 of their side."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        inputs = 3
        self.first, self.rest = nn.ModuleList(), nn.ModuleList()  # of each group
        for channels, layers in _GROUPS:
            self.first.append(nn.Conv2d(inputs, channels, 3, padding=1))
            more: list[nn.Module] = []
            for _ in range(layers - 1):
                more += [nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU()]
            self.rest.append(nn.Sequential(*more, nn.MaxPool2d(2)))
            inputs = channels
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer(
            "deviation", torch.tensor(_DEVIATION).view(1, 3, 1, 1), persistent=False
        )
        self.requires_grad_(False)

    def forward(self, image_BCHW: Tensor) -> tuple[Tensor, ...]:
        """All maps, finest first."""
        x = ((image_BCHW + 1) / 2 - self.mean) / self.deviation
        maps: list[Tensor] = []
        for first, rest in zip(self.first, self.rest, strict=True):
            maps.append(torch.relu(first(x)))
            x = rest(maps[-1])
        return tuple(maps)


def load_vgg19(path: Path) -> Vgg19Features:
    """The network with torchvision's weights; those behind its last used layer are left.

    Raises FileMissingError and others for a file that cannot be opened, WeightsUnsafeError for one
    that would run code, WeightsDamagedError, WeightsMismatchError.
    """
    network = Vgg19Features()
    own = network.state_dict()
    names = dict(_names())
    weights = read_weights(path)
    used = {name: weights[name] for name in names if name in weights}
    check_layout(used, {name: own[ours].shape for name, ours in names.items()}, where=path.name)
    require_finite(used, where=path.name)
    network.load_state_dict({ours: used[name].float() for name, ours in names.items()})
    return network.eval()


def _names() -> Iterator[tuple[str, str]]:
    """Names in torchvision's sequence, where activations and poolings count too, and ours."""
    index = 0
    for group, ((_, used), there) in enumerate(zip(_GROUPS, _LAYERS_A_GROUP, strict=True)):
        for layer in range(used):
            ours = f"first.{group}" if layer == 0 else f"rest.{group}.{2 * (layer - 1)}"
            for kind in ("weight", "bias"):
                yield f"{_PREFIX}{index + 2 * layer}.{kind}", f"{ours}.{kind}"
        index += 2 * there + 1
