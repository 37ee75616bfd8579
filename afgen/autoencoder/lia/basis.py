"""The motion basis: K orthonormal directions of the latent space, paper section 4.1.

Wang et al., "Latent Image Animator", ICLR 2022, section 3.2: m = sum_k lambda_k d_k. There the
directions come from a QR decomposition at every call. Here the orthonormal matrix itself is the
parameter: the signs of a QR differ between machines, and nothing has to be decomposed to draw a
frame. A trainer calls `orthonormalise_` after each step.
"""

import torch
from torch import Tensor, nn


def orthonormal(matrix_DK: Tensor) -> Tensor:
    """Q of the QR decomposition, with the signs that leave R's diagonal positive.

    Close matrices have close results, so an optimiser's step is only corrected, never flipped.
    """
    vectors_DK, upper_KK = torch.linalg.qr(matrix_DK)
    aligned: Tensor = torch.where(upper_KK.diagonal() < 0, -vectors_DK, vectors_DK)
    return aligned


class MotionBasis(nn.Module):
    """Coefficients to motion."""

    def __init__(self, dim: int, directions: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(orthonormal(torch.randn(dim, directions)))

    def forward(self, coefficients_BK: Tensor) -> Tensor:
        """Motion (B, D)."""
        return coefficients_BK @ self.vectors.T

    @torch.no_grad()
    def orthonormalise_(self) -> None:
        """Bring the directions back to orthonormality, after an optimiser has moved them."""
        self.vectors.copy_(orthonormal(self.vectors))
