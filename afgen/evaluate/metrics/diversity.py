"""SID and Var: how many kinds of motion there are, and how much of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import vq

from afgen.evaluate.metrics.bootstrap import Statistic, Weights, weighted_sum
from afgen.signals import Floats

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

DIM_CLUSTERS: Final = {"exp": 40, "pose": 20}  # of the code of DIM (Tran et al., ECCV 2024)
L2L_CLUSTERS: Final = {"exp": 15, "pose": 9}  # of Learning to Listen (Ng et al., CVPR 2022)
CLUSTERINGS: Final = {"dim": DIM_CLUSTERS, "l2l": L2L_CLUSTERS}


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """How clusters are found. The same data and seed give the same centres."""

    seed: int = 0
    restarts: int = 3  # the best of them is kept
    iterations: int = 60  # at most
    frames: int = 30_000  # more are thinned out evenly


def fit_clusters(frames_TD: Floats, clusters: int, config: ClusterConfig | None = None) -> Array:
    """Centres (K, D) of k-means by Lloyd's algorithm, seeded by k-means++.

    Arthur & Vassilvitskii, "k-means++", SODA 2007. Of fewer distinct frames than clusters, some
    centres are the same. Raises ValueError without frames.
    """
    config = config or ClusterConfig()
    if not len(frames_TD):
        raise ValueError("no frames to find clusters in")
    rows_TD = np.asarray(frames_TD[:: -(-len(frames_TD) // config.frames)], np.float64)
    rng = np.random.default_rng(config.seed)
    tries = [
        _lloyd(rows_TD, _spread_out(rows_TD, clusters, rng), config.iterations)
        for _ in range(config.restarts)
    ]
    return min(tries, key=lambda one: one[1])[0]


def cluster_counts(motion_TD: Floats, centres_KD: Array) -> Counts:
    """How many frames are nearest to each centre, (K,)."""
    nearest_T, _ = vq(np.asarray(motion_TD, np.float64), centres_KD)
    return np.bincount(nearest_T, minlength=len(centres_KD))


def sid_of_corpus(counts_CK: Counts) -> Statistic:
    """SID, the entropy of all clips' frames over the clusters of the ground truth.

    As a statistic of the clips' weights, for `bootstrap`.
    """

    def entropy(weights_C: Weights) -> float:
        return entropy_bits(weighted_sum(weights_C, counts_CK))

    return entropy


def entropy_bits(counts_K: Array | Counts) -> float:
    """Shannon's entropy of the shares of counts, base 2; NaN of nothing."""
    total = counts_K.sum()
    if total <= 0:
        return float("nan")
    shares = counts_K[counts_K > 0] / total
    return float(-(shares @ np.log2(shares))) + 0.0


def variances(motions: Sequence[Floats]) -> list[float]:
    """Var of each clip: variance over time, averaged over dimensions."""
    return [float(np.var(one_TD.astype(np.float64), axis=0).mean()) for one_TD in motions]


def _spread_out(rows_TD: Array, clusters: int, rng: np.random.Generator) -> Array:
    """First centres: each drawn with the square of its distance to those before."""
    centres_KD = np.empty((clusters, rows_TD.shape[1]))
    away_T = np.full(len(rows_TD), np.inf)
    chosen = int(rng.integers(len(rows_TD)))
    for k in range(clusters):
        centres_KD[k] = rows_TD[chosen]
        away_T = np.minimum(away_T, np.square(rows_TD - centres_KD[k]).sum(axis=1))
        total = away_T.sum()
        chance_T = away_T / total if total > 0 else None
        chosen = int(rng.choice(len(rows_TD), p=chance_T))
    return centres_KD


def _lloyd(rows_TD: Array, centres_KD: Array, iterations: int) -> tuple[Array, float]:
    """Centres after moving to the means of their frames until none changes, and the error."""
    nearest_T, away_T = vq(rows_TD, centres_KD)
    for _ in range(iterations):
        counts_K = np.bincount(nearest_T, minlength=len(centres_KD))
        member_KT = (nearest_T == np.arange(len(centres_KD))[:, None]).astype(np.float64)
        means_KD = member_KT @ rows_TD / np.maximum(counts_K, 1)[:, None]
        centres_KD = np.where(counts_K[:, None] > 0, means_KD, centres_KD)
        before_T = nearest_T
        nearest_T, away_T = vq(rows_TD, centres_KD)
        if np.array_equal(nearest_T, before_T):
            break
    return centres_KD, float(np.square(away_T).sum())
