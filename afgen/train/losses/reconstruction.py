"""What the autoencoder is asked for: the target frame, drawn from the source frame and a motion.

FLOAT's terms (Ki, Min & Chae, 2024) with their weights: absolute error, perceptual distance, the
same within eyes and lips, Gram matrices there, and what the judges say. Its LPIPS term is here the
plain distance of the same features, so that no second set of weights is needed.

Shape letters: B rows, C channels, H and W pixels, R regions.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from afgen.data.faces import EYE_PAIR, LIPS
from afgen.train.losses.perceptual import Features, feature_distance, gram_distance
from afgen.train.losses.regions import masks_of


@dataclass(frozen=True, slots=True)
class ReconstructionWeights:
    """How much each term counts."""

    absolute: float = 1.0
    perceptual: float = 10.0
    regions: float = 100.0  # perceptual, within eyes and lips, by their share of the picture
    gram: float = 100.0  # within eyes and lips
    adversarial: float = 1.0


def reconstruction_terms(
    drawn_BCHW: Tensor, target_BCHW: Tensor, regions_BR4: Tensor, features: Features
) -> dict[str, Tensor]:
    """Every term but the adversarial one, unweighted, by its name in the weights.

    Always in float32: differences of nearly equal features have no digits left in half of them.
    """
    drawn_BCHW = drawn_BCHW.float()
    with torch.autocast(drawn_BCHW.device.type, enabled=False):
        with torch.no_grad():
            wanted = features(target_BCHW)
            mask_B1HW = masks_of(regions_BR4[:, [EYE_PAIR, LIPS]], target_BCHW.shape[-1])
        found = features(drawn_BCHW)
        return {
            "absolute": (drawn_BCHW - target_BCHW).abs().mean(),
            "perceptual": feature_distance(found, wanted),
            "regions": feature_distance(found, wanted, mask_B1HW),
            "gram": gram_distance(found, wanted, mask_B1HW),
        }


def weighted_sum(terms: dict[str, Tensor], weights: ReconstructionWeights) -> Tensor:
    """The loss: every term by its weight."""
    return torch.stack([getattr(weights, name) * term for name, term in terms.items()]).sum()
