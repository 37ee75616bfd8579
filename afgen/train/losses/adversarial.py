"""The game of two networks: non-saturating losses, and the penalty that keeps it calm.

Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014, section 3 (the loss of the one who
draws is -log D, not log(1 - D)); R1 of Mescheder et al., "Which Training Methods for GANs do
actually Converge?", ICML 2018, equation 9. Verdicts are logits, high for what looks real.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the name everybody reads)


def drawing_loss(verdicts: Sequence[Tensor]) -> Tensor:
    """-log D of drawn pictures, averaged over those who judge."""
    return torch.stack([F.softplus(-drawn).mean() for drawn in verdicts]).mean()


def judging_loss(real: Sequence[Tensor], drawn: Sequence[Tensor]) -> Tensor:
    """-log D of real pictures - log(1 - D) of drawn ones, averaged over those who judge."""
    return torch.stack(
        [F.softplus(-r).mean() + F.softplus(d).mean() for r, d in zip(real, drawn, strict=True)]
    ).mean()


def r1_penalty(verdicts_B: Tensor, image_BCHW: Tensor) -> Tensor:
    """Half the squared norm of the verdicts' gradient at real pictures, mean over rows.

    `image_BCHW` must require a gradient; the result can be differentiated again.
    """
    (gradient,) = torch.autograd.grad(verdicts_B.sum(), image_BCHW, create_graph=True)
    return 0.5 * gradient.square().flatten(1).sum(1).mean()
