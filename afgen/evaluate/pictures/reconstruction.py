"""Does an autoencoder say more than its source? Its pictures against the source left as it is.

Each clip's first frame is made to do what later frames do, and compared with them; so is the first
frame itself, and the first frame made to do what itself does: a network that ignores the target can
still smooth or brighten, and only what it draws better than that control came through the motion.
Errors are counted over the whole picture, in the box of the face and in that of the lips.
Shape letters: B pictures, H, W and C of a picture.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from afgen.autoencoder.lia.autoencoder import FaceNetwork
from afgen.data.faces import FACE, LIPS, FramePair, FramePairs
from afgen.evaluate.metrics.bootstrap import Estimate, mean_estimate
from afgen.evaluate.pictures.likeness import psnr, ssim
from afgen.signals import Floats, Image

NO_DIFFERENCE_DB = 48.0  # an error of one grey level: equal pictures count as this
_LEAST_PX = 16  # of a box's side: what the window of SSIM needs, and more than a mouth may have
_LEAST_LIPS_PX = 4
_BETTER: Final = {  # which way each figure is better
    "psnr_db": 1,
    "face_psnr_db": 1,
    "lips_psnr_db": 1,
    "face_ssim": 1,
    "face_gradient": -1,
}


@dataclass(frozen=True, slots=True)
class ReconstructionConfig:
    """How much of each clip is looked at."""

    targets: int = 12  # frames of a clip, evenly spread behind its first


@dataclass(frozen=True, slots=True)
class Likeness:
    """Means over pictures. PSNR and SSIM are better when high, the gradient's error when low."""

    psnr_db: float  # of the whole picture
    face_psnr_db: float
    lips_psnr_db: float
    face_ssim: float
    face_gradient: float  # mean absolute error of the slope between neighbouring pixels, 8 bit


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """One clip's figures."""

    pictures: int
    copied: Likeness  # the source frame as it is
    still: Likeness  # drawn with the source's own motion: no target is seen
    drawn: Likeness  # at the fixed exposure of a render
    stretched: Likeness  # drawn, but with the clip's own darkest and brightest as black and white


def measure_reconstruction(
    network: FaceNetwork, pairs: FramePairs, config: ReconstructionConfig | None = None
) -> Iterator[Reconstruction]:
    """Figures of each clip, in order."""
    config = config or ReconstructionConfig()
    for clip, frames in enumerate(pairs.frames):
        targets = np.linspace(0, frames - 1, config.targets + 1)[1:].round().astype(int)
        shown = [pairs.pair(clip, 0, int(target)) for target in targets]
        still_1CHW, drawn_BCHW = _drawn(network, shown)
        yield Reconstruction(
            len(shown),
            mean_likeness([likeness(pair.source_HWC, pair) for pair in shown]),
            _mean_of(still_1CHW.expand_as(drawn_BCHW), shown),
            _mean_of(drawn_BCHW, shown),
            _mean_of(_stretched(drawn_BCHW), shown),
        )


def _mean_of(drawn_BCHW: Tensor, shown: Sequence[FramePair]) -> Likeness:
    """Of pictures about [-1, 1] to their targets."""
    pixels_BHWC = ((drawn_BCHW.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    pictures_BHWC = pixels_BHWC.permute(0, 2, 3, 1).contiguous().numpy()
    return mean_likeness(
        [likeness(one_HWC, pair) for one_HWC, pair in zip(pictures_BHWC, shown, strict=True)]
    )


def _stretched(drawn_BCHW: Tensor) -> Tensor:
    """The whole clip from its own least to its own greatest value, as the authors' code shows it.

    A render never does so: it would have to wait for the last frame, and one bright pixel dims all.
    """
    least, greatest = drawn_BCHW.min(), drawn_BCHW.max()
    return (drawn_BCHW - least) / (greatest - least).clamp_min(1e-6) * 2 - 1


def likeness(picture_HWC: Image, pair: FramePair) -> Likeness:
    """Of a picture to the pair's target."""
    face, lips = (
        (_part(picture_HWC, box_4, least), _part(pair.target_HWC, box_4, least))
        for box_4, least in (
            (pair.regions_R4[FACE], _LEAST_PX),
            (pair.regions_R4[LIPS], _LEAST_LIPS_PX),
        )
    )
    return Likeness(
        psnr_db=min(psnr(picture_HWC, pair.target_HWC), NO_DIFFERENCE_DB),
        face_psnr_db=min(psnr(*face), NO_DIFFERENCE_DB),
        lips_psnr_db=min(psnr(*lips), NO_DIFFERENCE_DB),
        face_ssim=ssim(*face),
        face_gradient=gradient_error(*face),
    )


def gradient_error(one_HWC: Image, other_HWC: Image) -> float:
    """Mean absolute difference of the steps from pixel to pixel, across and down, of 8 bits.

    Blur and doubled edges raise it; a shade that is off by a constant does not.
    """
    difference_HWC = one_HWC.astype(np.float64) - other_HWC.astype(np.float64)
    return float(np.mean([np.abs(np.diff(difference_HWC, axis=axis)).mean() for axis in (0, 1)]))


def mean_likeness(each: Sequence[Likeness]) -> Likeness:
    """The mean of every figure."""
    table = np.array([dataclasses.astuple(one) for one in each])
    return Likeness(*table.mean(axis=0).tolist())


def summary(clips: Sequence[Reconstruction]) -> Reconstruction:
    """All clips together, each counted once."""
    return Reconstruction(
        sum(clip.pictures for clip in clips),
        mean_likeness([clip.copied for clip in clips]),
        mean_likeness([clip.still for clip in clips]),
        mean_likeness([clip.drawn for clip in clips]),
        mean_likeness([clip.stretched for clip in clips]),
    )


@dataclass(frozen=True, slots=True)
class Gain:
    """What drawing adds to one figure, mean over clips; positive where the drawing is better."""

    figure: str
    over_copied: Estimate
    over_still: Estimate


def gains(clips: Sequence[Reconstruction], people: Sequence[str]) -> list[Gain]:
    """How much better than both controls, by figure; intervals from `people`, one name a clip."""
    return [
        Gain(
            figure,
            *(
                mean_estimate([sign * (drawn - other) for drawn, other in pairs], people)
                for pairs in (
                    [(getattr(one.drawn, figure), getattr(one.copied, figure)) for one in clips],
                    [(getattr(one.drawn, figure), getattr(one.still, figure)) for one in clips],
                )
            ),
        )
        for figure, sign in _BETTER.items()
    ]


@torch.inference_mode()
def _drawn(network: FaceNetwork, shown: Sequence[FramePair]) -> tuple[Tensor, Tensor]:
    """The clip's first frame with its own motion and with each target's, unclamped.

    (1, 3, size, size) and (B, 3, size, size).
    """
    first_1CHW = _as_input([shown[0].source_HWC])
    source = network.source(first_1CHW)
    motion_BD = network.motion(_as_input([pair.target_HWC for pair in shown]))
    return network.decode(source, network.motion(first_1CHW)), network.decode(source, motion_BD)


def _as_input(pictures: Sequence[Image]) -> Tensor:
    pictures_BCHW = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    return pictures_BCHW.float().contiguous() / 127.5 - 1


def _part(picture_HWC: Image, box_4: Floats, least: int) -> Image:
    """What lies in a box, at least so many pixels both ways."""
    size = picture_HWC.shape[0]
    low = np.clip(np.floor(box_4[:2] * size), 0, size - least).astype(int)
    high = np.clip(np.ceil(box_4[2:] * size), low + least, size).astype(int)
    return picture_HWC[low[1] : high[1], low[0] : high[0]]
