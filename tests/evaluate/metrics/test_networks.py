import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from afgen.errors import WeightsDamagedError, WeightsMismatchError, WeightsMissingError
from afgen.evaluate.metrics.networks import (
    Network,
    clip_features,
    csim,
    fid,
    lip_sync_error,
    load_network,
    picture_features,
)
from afgen.signals import Image


class Mean(nn.Module):
    """Mean colour of a picture or clip, as features."""

    def forward(self, pictures: Tensor, return_features: bool = False) -> Tensor:
        features = pictures.float().flatten(2).mean(2)
        return features if return_features else features.new_zeros(len(features), 1)


class Both(nn.Module):
    """Loudness and brightness of each frame, as a SyncNet's two embeddings."""

    def forward(self, pictures: Tensor, voice: Tensor) -> tuple[Tensor, Tensor]:
        light = pictures.float().mean(1).flatten(1).mean(1, keepdim=True) / 255
        level = voice[: len(pictures) * 640].reshape(-1, 640).abs().mean(1, keepdim=True)
        return light.repeat(1, 4), level.repeat(1, 4)


def exported(module: nn.Module, path: Path) -> Network:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(module).save(str(path))
    return load_network(path)


def pictures(count: int, seed: int = 0, side: int = 24) -> list[Image]:
    rng = np.random.default_rng(seed)
    colours = rng.integers(0, 256, (count, 1, 1, 3))
    return list(np.broadcast_to(colours, (count, side, side, 3)).astype(np.uint8))


@pytest.fixture
def mean(tmp_path: Path) -> Network:
    return exported(Mean(), tmp_path / "mean.pt")


def test_features_are_those_of_the_network_in_order(mean: Network) -> None:
    shown = pictures(40)
    assert np.allclose(picture_features(shown, mean), [one[0, 0] for one in shown])


def test_options_that_a_network_takes_are_passed_and_no_others(mean: Network) -> None:
    assert mean.options == {"return_features": True}


def test_the_same_pictures_have_no_distance_and_a_shift_of_colour_has_its_square(
    mean: Network,
) -> None:
    first = picture_features([one // 2 for one in pictures(50)], mean)
    assert fid(first, first) == pytest.approx(0, abs=1e-3)
    assert fid(first, first + np.array([0, 3, 4], np.float32)) == pytest.approx(25, rel=1e-3)


def test_clips_are_sixteen_pictures_from_minus_one_to_one(mean: Network) -> None:
    light = [np.full((24, 24, 3), 255, np.uint8)] * 16
    dark = [np.zeros((24, 24, 3), np.uint8)] * 16
    rows = clip_features([*light, *dark, *light[:9]], mean)
    assert rows == pytest.approx(np.array([[1.0] * 3, [-1.0] * 3]))
    with pytest.raises(ValueError, match="16 pictures"):
        clip_features(light[:15], mean)


def test_the_source_itself_has_likeness_one(mean: Network) -> None:
    grey, red = np.full((24, 24, 3), 255, np.uint8), np.zeros((24, 24, 3), np.uint8)
    red[..., 0] = 255
    assert csim(grey, [grey, red, 255 - grey], mean) == pytest.approx([1, -1 / 3, -1], abs=1e-5)


def test_a_mouth_that_moves_with_the_voice_is_told_by_a_syncnet(tmp_path: Path) -> None:
    network = exported(Both(), tmp_path / "both.pt")
    level_T = np.random.default_rng(1).random(60)
    shown = [np.full((8, 8, 3), round(255 * level), np.uint8) for level in level_T]
    voice_S = np.repeat(level_T, 640).astype(np.float32)
    score = lip_sync_error(shown, voice_S, network)
    assert score.offset_frames == 0
    assert score.confidence > 0.3


def test_a_network_that_does_not_fit_says_so(mean: Network, tmp_path: Path) -> None:
    with pytest.raises(WeightsMismatchError, match="cannot take its input"):
        mean.rows(torch.zeros(3))
    with pytest.raises(WeightsMismatchError, match="two embeddings"):
        lip_sync_error(pictures(3), np.zeros(1920, np.float32), exported(One(), tmp_path / "o.pt"))


class One(nn.Module):
    """Not two embeddings."""

    def forward(self, pictures: Tensor, voice: Tensor) -> Tensor:
        return pictures.float() + voice[0]


def test_what_is_no_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError):
        load_network(tmp_path / "none.pt")
    weights = tmp_path / "weights.pt"
    torch.save(Mean().state_dict(), weights)
    with pytest.raises(WeightsDamagedError, match="no TorchScript"):
        load_network(weights)
    weights.write_bytes(b"nothing")
    with pytest.raises(WeightsDamagedError, match="no TorchScript"):
        load_network(weights)
