"""Closed forms."""

import torch

from afgen.train.losses.perceptual import feature_distance, gram, gram_distance


def test_the_distance_is_the_mean_of_the_maps_means() -> None:
    ours = (torch.zeros(2, 3, 8, 8), torch.zeros(2, 5, 4, 4))
    theirs = (torch.full((2, 3, 8, 8), 0.5), torch.full((2, 5, 4, 4), -1.5))
    torch.testing.assert_close(feature_distance(ours, theirs), torch.tensor(1.0))


def test_a_mask_counts_by_its_share_of_the_picture() -> None:
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., :4, :2] = 1  # an eighth
    ours, theirs = (torch.zeros(1, 3, 8, 8),), (torch.full((1, 3, 8, 8), 2.0),)
    torch.testing.assert_close(feature_distance(ours, theirs, mask), torch.tensor(0.25))
    torch.testing.assert_close(
        feature_distance((ours[0][..., ::2, ::2],), (theirs[0][..., ::2, ::2],), mask),
        torch.tensor(0.25),
    )


def test_gram_matrices_are_mean_products_within_the_mask() -> None:
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(1, 4, 6, 6, generator=generator)
    mask = torch.zeros(1, 1, 6, 6)
    mask[..., 2:4, 1:5] = 1
    inside = features[0, :, 2:4, 1:5].flatten(1)
    torch.testing.assert_close(gram(features, mask)[0], inside @ inside.T / 8 / 2.0)


def test_gram_matrices_do_not_see_where_things_are() -> None:
    generator = torch.Generator().manual_seed(2)
    features = torch.randn(1, 4, 8, 8, generator=generator)
    everywhere = torch.ones(1, 1, 8, 8)
    assert gram_distance((features,), (features.roll(3, -1),), everywhere) < 1e-6
    assert gram_distance((features,), (2 * features,), everywhere) > 0.1


def test_an_empty_mask_is_no_division_by_zero() -> None:
    features = (torch.ones(1, 2, 4, 4),)
    assert gram_distance(features, features, torch.zeros(1, 1, 4, 4)) == 0
