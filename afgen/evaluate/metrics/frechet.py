"""FD and P-FD: Frechet distance of motion, and the same distance for pictures' features.

d^2 = |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^1/2), the distance of two normal distributions (Dowson
& Landau, Journal of Multivariate Analysis 12, 1982); Heusel et al., NeurIPS 2017, made it FID.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from afgen.signals import Floats

Array = NDArray[np.float64]


def frechet_distance(mean1_D: Array, cov1_DD: Array, mean2_D: Array, cov2_DD: Array) -> float:
    """The squared distance, as all papers report it.

    tr (S1 S2)^1/2 is the sum of the square roots of the eigenvalues of S1^1/2 S2 S1^1/2, which is
    symmetric: nothing complex comes up and singular covariances need no padding.
    """
    values_D, vectors_DD = np.linalg.eigh(cov1_DD)
    root_DD = (vectors_DD * np.sqrt(np.maximum(values_D, 0))) @ vectors_DD.T
    both_D = np.linalg.eigvalsh(root_DD @ cov2_DD @ root_DD)
    shared = np.sqrt(np.maximum(both_D, 0)).sum()
    apart = np.square(mean1_D - mean2_D).sum()
    return max(0.0, float(apart + np.trace(cov1_DD) + np.trace(cov2_DD) - 2 * shared))


def frechet_of_rows(first_TD: Floats | Array, second_TD: Floats | Array) -> float:
    """The distance of two sets of rows by their means and covariances.

    Raises ValueError for fewer than two rows.
    """
    if min(len(first_TD), len(second_TD)) < 2:
        raise ValueError("a covariance takes two rows or more")
    return frechet_distance(*_moments(first_TD), *_moments(second_TD))


def fd_of_clips(truth: Sequence[Floats], made: Sequence[Floats]) -> list[float]:
    """FD of each clip, from the frames (T, D) of its truth and of what was generated for it."""
    return [frechet_of_rows(a_TD, b_TD) for a_TD, b_TD in zip(truth, made, strict=True)]


def paired_fd_of_clips(
    truth: Sequence[Floats], made: Sequence[Floats], user: Sequence[Floats]
) -> list[float]:
    """P-FD of each clip: user and avatar side by side, (T, 2D), so that their covariance counts."""
    return [
        frechet_of_rows(np.hstack([u_TD, t_TD]), np.hstack([u_TD, m_TD]))
        for t_TD, m_TD, u_TD in zip(truth, made, user, strict=True)
    ]


def _moments(rows_TD: Floats | Array) -> tuple[Array, Array]:
    rows_TD = np.asarray(rows_TD, np.float64)
    return rows_TD.mean(axis=0), np.atleast_2d(np.cov(rows_TD, rowvar=False))
