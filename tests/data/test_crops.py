from itertools import pairwise

import numpy as np

from afgen.autoencoder.lia.crop import square_around
from afgen.data.crops import (
    crops_of,
    from_jpeg,
    pack_pictures,
    picture_at,
    regions_of,
    squares_of,
    to_jpeg,
)
from afgen.data.shards import Sample, ShardWriter, open_shards
from tests.autoencoder.mesh.faces import talking


def soft(seed):
    """A picture that JPEG keeps well."""
    rows, columns = np.mgrid[:64, :64]
    waves = np.stack([np.sin(rows / (7 + seed) + k) + np.cos(columns / 9 + k) for k in range(3)])
    return (127 + 60 * waves).transpose(1, 2, 0).astype(np.uint8)


def test_the_square_stands_still_while_the_head_moves_inside_it():
    squares = squares_of(talking(50))
    moved = [abs(a.centre_x - b.centre_x) for a, b in pairwise(squares)]
    assert max(moved) < 0.1
    assert len({round(one.side) for one in squares}) == 1
    usual = square_around(talking(50)[0])
    assert abs(squares[0].side / usual.side - 1) < 0.1


def test_the_square_follows_somebody_who_walks_away():
    landmarks_TN3 = talking(50)
    landmarks_TN3[:, :, 0] += np.linspace(0, 900, 50)[:, None]
    for landmarks_N3, square in zip(landmarks_TN3, squares_of(landmarks_TN3), strict=True):
        left, top, right, bottom = regions_of(landmarks_N3, square)[0]
        assert 0 < left < right < 1
        assert 0 < top < bottom < 1


def test_regions_are_where_eyes_and_lips_are():
    landmarks_N3 = talking(1)[0]
    face, eyes, lips = regions_of(landmarks_N3, square_around(landmarks_N3))
    assert face[1] < eyes[1] < eyes[3] < lips[1] < lips[3] < face[3]


def test_crops_have_the_size_that_is_asked_for():
    frames = [np.full((400, 480, 3), 90, np.uint8)] * 3
    crops = list(crops_of(frames, squares_of(talking(3)), 64))
    assert [crop.shape for crop in crops] == [(64, 64, 3)] * 3


def test_one_picture_is_read_of_many(tmp_path):
    pictures = [soft(seed) for seed in range(5)]
    arrays = {f"user_{name}": array for name, array in pack_pictures(pictures).items()}
    with ShardWriter(tmp_path, {}) as writer:
        writer.add(Sample("clip", {}, arrays))
    shards = open_shards(tmp_path)
    for frame, picture in enumerate(pictures):
        again = picture_at(shards, "clip", "user", frame)
        assert np.abs(again.astype(int) - picture).mean() < 3


def test_jpeg_says_nothing_of_when_it_was_made():
    assert to_jpeg(soft(0), 90) == to_jpeg(soft(0), 90)
    assert from_jpeg(to_jpeg(soft(0), 90)).shape == (64, 64, 3)
