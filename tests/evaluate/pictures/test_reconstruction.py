"""Figures of networks whose pictures are known."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import Tensor

from afgen.autoencoder.lia.config import LiaConfig
from afgen.autoencoder.lia.network import Source
from afgen.evaluate.pictures.reconstruction import (
    NO_DIFFERENCE_DB,
    ReconstructionConfig,
    gains,
    gradient_error,
    likeness,
    measure_reconstruction,
    summary,
)
from tests.train.mouths import Mouths


@dataclass
class Known:
    """Draws the source (share 0), the target (share 1), or what lies between."""

    share: float
    config: LiaConfig = field(default_factory=LiaConfig)

    def source(self, image_BCHW: Tensor) -> Source:
        empty = torch.zeros(1, 1)
        return Source(empty, empty, empty, (image_BCHW,))

    def motion(self, image_BCHW: Tensor) -> Tensor:
        return image_BCHW

    def decode(self, source: Source, motion_BD: Tensor) -> Tensor:
        return torch.lerp(source.features[0].expand_as(motion_BD), motion_BD, self.share)


CONFIG = ReconstructionConfig(targets=4)


def test_drawing_the_source_is_copying_it() -> None:
    for clip in measure_reconstruction(Known(0.0), Mouths(), CONFIG):
        assert clip.drawn == clip.copied
        assert clip.pictures == 4


def test_drawing_the_target_leaves_no_difference() -> None:
    drawn = summary(list(measure_reconstruction(Known(1.0), Mouths(), CONFIG))).drawn
    assert drawn.psnr_db == drawn.face_psnr_db == drawn.lips_psnr_db == NO_DIFFERENCE_DB
    assert drawn.face_ssim == pytest.approx(1.0)
    assert drawn.face_gradient == 0.0


def test_a_source_driven_by_itself_says_nothing_of_its_targets() -> None:
    for clip in measure_reconstruction(Known(1.0), Mouths(), CONFIG):
        assert clip.still == clip.copied != clip.drawn


def test_gains_are_positive_where_the_drawing_is_better_whichever_way_a_figure_runs() -> None:
    clips = list(measure_reconstruction(Known(0.5), Mouths(), CONFIG))
    told = {gain.figure: gain for gain in gains(clips, ["a", "b", "c"])}
    assert told["face_gradient"].over_copied.value > 0
    everything = summary(clips)
    difference_db = everything.drawn.psnr_db - everything.copied.psnr_db
    assert told["psnr_db"].over_copied.value == pytest.approx(difference_db)
    estimate = told["psnr_db"].over_still
    assert estimate.low is not None and estimate.high is not None
    assert estimate.low <= estimate.value <= estimate.high


def test_one_person_gives_a_gain_no_interval() -> None:
    clips = list(measure_reconstruction(Known(0.5), Mouths(), CONFIG))
    assert gains(clips, ["a", "a", "a"])[0].over_copied.low is None


def test_half_the_error_is_six_decibels() -> None:
    config = ReconstructionConfig(targets=1)
    pairs = Mouths(1, length=6)
    (half,) = measure_reconstruction(Known(0.5), pairs, config)
    gain_db = 20 * np.log10(2)
    assert half.drawn.psnr_db - half.copied.psnr_db == pytest.approx(gain_db, abs=0.1)
    assert half.drawn.lips_psnr_db - half.copied.lips_psnr_db == pytest.approx(gain_db, abs=0.1)


def test_the_mouth_is_what_moves() -> None:
    copied = summary(list(measure_reconstruction(Known(0.0), Mouths(), CONFIG))).copied
    assert copied.lips_psnr_db < copied.face_psnr_db < copied.psnr_db


def test_gradients_see_blur_and_not_a_shade() -> None:
    pair = Mouths().pair(0, 0, 3)
    sharp = pair.target_HWC
    assert gradient_error(sharp, np.clip(sharp, 0, 250) + 5) < 0.2
    blurred = ((sharp.astype(np.uint16) + np.roll(sharp, 1, 0) + np.roll(sharp, 1, 1)) // 3).astype(
        np.uint8
    )
    assert gradient_error(sharp, blurred) > 1.0
    step = np.zeros((4, 4, 3), np.uint8)
    step[:, 2:] = 9  # one of three steps across, none down
    assert gradient_error(step, np.zeros_like(step)) == pytest.approx(1.5)


def test_a_picture_is_itself() -> None:
    pair = Mouths().pair(1, 0, 2)
    assert likeness(pair.target_HWC, pair).face_ssim == pytest.approx(1.0)


def test_stretching_a_clip_to_its_own_range_changes_its_exposure() -> None:
    clip = summary(list(measure_reconstruction(Known(1.0), Mouths(), CONFIG)))
    assert clip.drawn.psnr_db == NO_DIFFERENCE_DB
    assert clip.stretched.psnr_db < NO_DIFFERENCE_DB - 10  # the made faces hold no black or white
