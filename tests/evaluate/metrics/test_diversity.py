import numpy as np
import pytest

from afgen.evaluate.metrics.diversity import (
    ClusterConfig,
    cluster_counts,
    entropy_bits,
    fit_clusters,
    sid_of_corpus,
    variances,
)


def blobs(shares: list[int], seed: int = 0) -> np.ndarray:
    """So many frames around each of as many far points."""
    rng = np.random.default_rng(seed)
    points = [
        20.0 * np.eye(len(shares))[k] + rng.normal(0, 0.1, (n, len(shares)))
        for k, n in enumerate(shares)
    ]
    return rng.permutation(np.concatenate(points)).astype(np.float32)


@pytest.mark.parametrize(
    ("shares", "bits"),
    [
        ([1, 1], 1.0),
        ([3, 3, 3, 3], 2.0),
        ([4, 2, 1, 1], 1.75),  # Shannon, "A Mathematical Theory of Communication", 1948, section 9
        ([7, 0, 0], 0.0),
    ],
)
def test_entropy_of_known_shares(shares: list[int], bits: float) -> None:
    assert entropy_bits(np.array(shares)) == pytest.approx(bits)
    assert not np.signbit(entropy_bits(np.array(shares)))


def test_sid_of_blobs_is_the_entropy_of_their_sizes() -> None:
    centres_KD = fit_clusters(blobs([40, 40, 40, 40]), 4)
    made = blobs([40, 20, 10, 10], seed=1)
    counts_CK = np.array([cluster_counts(part, centres_KD) for part in (made[:30], made[30:])])
    assert sid_of_corpus(counts_CK)(np.ones(2)) == pytest.approx(1.75)


def test_one_kind_of_motion_has_no_diversity() -> None:
    centres_KD = fit_clusters(blobs([40, 40, 40]), 3)
    counts_CK = cluster_counts(np.tile(centres_KD[:1], (9, 1)).astype(np.float32), centres_KD)[None]
    assert sid_of_corpus(counts_CK)(np.ones(1)) == 0


def test_clusters_are_found_and_are_the_same_each_time() -> None:
    frames_TD = blobs([50, 30, 20, 60, 40], seed=3)
    centres_KD = fit_clusters(frames_TD, 5)
    assert np.array_equal(centres_KD, fit_clusters(frames_TD, 5))
    assert sorted(cluster_counts(frames_TD, centres_KD)) == [20, 30, 40, 50, 60]


def test_centres_are_the_means_of_their_frames() -> None:
    frames_TD = np.random.default_rng(4).normal(size=(400, 3)).astype(np.float32)
    centres_KD = fit_clusters(frames_TD, 6)
    away_TK = np.linalg.norm(frames_TD[:, None] - centres_KD, axis=2)
    for k in range(6):
        mine = frames_TD[away_TK.argmin(axis=1) == k]
        assert np.allclose(mine.mean(axis=0), centres_KD[k], atol=1e-6)


def test_fewer_kinds_of_frames_than_clusters_do() -> None:
    frames_TD = np.repeat(np.eye(3, dtype=np.float32), 5, axis=0)
    centres_KD = fit_clusters(frames_TD, 8)
    assert sorted(cluster_counts(frames_TD, centres_KD))[-3:] == [5, 5, 5]


def test_long_recordings_are_thinned_out_evenly() -> None:
    frames_TD = np.sort(blobs([500, 500]), axis=0)
    centres_KD = fit_clusters(frames_TD, 2, ClusterConfig(frames=50))
    assert sorted(cluster_counts(frames_TD, centres_KD)) == [500, 500]


def test_nothing_has_no_clusters() -> None:
    with pytest.raises(ValueError, match="no frames"):
        fit_clusters(np.zeros((0, 3), np.float32), 2)


def test_variance_of_sines_is_half_their_squared_height() -> None:
    phase_T = 2 * np.pi * np.arange(200) / 50
    motion_TD = np.stack([3 * np.sin(phase_T), np.cos(phase_T) + 7], axis=1).astype(np.float32)
    assert variances([motion_TD]) == pytest.approx([(4.5 + 0.5) / 2])
