"""rPCC: does the avatar's motion go with the user's as much as the real person's does?

rPCC = | PCC(truth, user) - PCC(generated, user) |, lower is better, 0 for the truth itself.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from afgen.evaluate.metrics.bootstrap import Statistic, Weights, weighted_sum
from afgen.signals import Floats

Array = NDArray[np.float64]
_FLAT = 1e-12  # a deviation, relative to the size of the values, below which nothing moves


def pearson(a: Floats | Array, b: Floats | Array) -> float:
    """Pearson's correlation over all entries of two arrays of one shape; 0 where one is flat."""
    return _correlation(_sums(a, b))


def rpcc_of_clips(
    truth: Sequence[Floats], made: Sequence[Floats], user: Sequence[Floats]
) -> list[float]:
    """rPCC of each clip; tables report its mean.

    All arrays are (T, D) with the same columns. A single clip's correlation is noisy, so this mean
    is above 0 for any system, however good.
    """
    return [
        abs(pearson(t_TD, u_TD) - pearson(m_TD, u_TD))
        for t_TD, m_TD, u_TD in zip(truth, made, user, strict=True)
    ]


def rpcc_of_corpus(
    truth: Sequence[Floats], made: Sequence[Floats], user: Sequence[Floats]
) -> Statistic:
    """rPCC of correlations over the flattened frames and dimensions of all clips at once.

    This is how the code of DIM (Tran et al., ECCV 2024) counts. Dimensions with different means
    add to the correlation; the difference of two correlations with the same user takes most of it
    out again. Returned as a statistic of the clips' weights, for `bootstrap`.
    """
    truth_C6 = np.array([_sums(a, b) for a, b in zip(truth, user, strict=True)])
    made_C6 = np.array([_sums(a, b) for a, b in zip(made, user, strict=True)])

    def difference(weights_C: Weights) -> float:
        first = _correlation(weighted_sum(weights_C, truth_C6))
        return abs(first - _correlation(weighted_sum(weights_C, made_C6)))

    return difference


def _sums(a: Floats | Array, b: Floats | Array) -> Array:
    """Count, sums, squares and products (6,): all that a correlation over several clips needs."""
    x, y = np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()
    if x.shape != y.shape:
        raise ValueError(f"{np.shape(a)} and {np.shape(b)} cannot be correlated")
    return np.array([len(x), x.sum(), y.sum(), x @ x, y @ y, x @ y])


def _correlation(sums_6: Array) -> float:
    count, x, y, xx, yy, xy = sums_6
    spread_x, spread_y = xx - x * x / count, yy - y * y / count
    if spread_x <= _FLAT * max(xx, _FLAT) or spread_y <= _FLAT * max(yy, _FLAT):
        return 0.0
    return float((xy - x * y / count) / np.sqrt(spread_x * spread_y))
