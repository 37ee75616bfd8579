"""Distances of feature maps: position by position, and of the textures they describe.

Shape letters: B rows, C channels, H and W pixels.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the name everybody reads)

Features = Callable[[Tensor], tuple[Tensor, ...]]  # of pictures (B, 3, H, W) in [-1, 1]


def feature_distance(
    ours: Sequence[Tensor], theirs: Sequence[Tensor], mask_B1HW: Tensor | None = None
) -> Tensor:
    """Mean absolute difference of each map, averaged over the maps.

    With a mask, differences are weighted by it and still divided by the whole area: a region counts
    by its size, as in a loss on masked pictures.
    """
    distances = []
    for one, other in zip(ours, theirs, strict=True):
        difference = (one - other).abs()
        if mask_B1HW is not None:
            difference = difference * _fitted(mask_B1HW, one)
        distances.append(difference.mean())
    return torch.stack(distances).mean()


def gram_distance(ours: Sequence[Tensor], theirs: Sequence[Tensor], mask_B1HW: Tensor) -> Tensor:
    """Mean absolute difference of the maps' Gram matrices within a mask, averaged over the maps."""
    distances = []
    for one, other in zip(ours, theirs, strict=True):
        mask = _fitted(mask_B1HW, one)
        distances.append((gram(one, mask) - gram(other, mask)).abs().mean())
    return torch.stack(distances).mean()


def gram(map_BCHW: Tensor, mask_B1HW: Tensor) -> Tensor:
    """Mean products of channels within a mask, (B, C, C).

    Gatys, Ecker & Bethge, "Image Style Transfer Using Convolutional Neural Networks", CVPR 2016,
    equation 3, per position, and per channel so that wide maps do not outweigh narrow ones.
    """
    flat_BCN = map_BCHW.flatten(2)
    weight_B1N = mask_B1HW.flatten(2)
    total_B11 = weight_B1N.sum(2, keepdim=True).clamp(min=1e-6)
    products_BCC = (flat_BCN * weight_B1N) @ flat_BCN.transpose(1, 2)
    mean_BCC: Tensor = products_BCC / (total_B11 * map_BCHW.shape[1] ** 0.5)
    return mean_BCC


def _fitted(mask_B1HW: Tensor, map_BCHW: Tensor) -> Tensor:
    """The mask at a map's resolution."""
    height, width = map_BCHW.shape[2:]
    return F.adaptive_avg_pool2d(mask_B1HW, (height, width))
