"""Videos against videos, through networks of the user's: FID, FVD, CSIM, LSE-D and LSE-C.

A folder of real videos and one of made ones, with the same names; each shows one face, cropped the
same way in both.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from afgen.errors import FileMissingError
from afgen.evaluate.metrics.bootstrap import Estimate, mean_estimate
from afgen.evaluate.metrics.networks import (
    Network,
    clip_features,
    csim,
    fid,
    lip_sync_error,
    picture_features,
)
from afgen.media.decode import decode_audio, decode_video
from afgen.signals import Floats


@dataclass(frozen=True, slots=True)
class VideoNetworks:
    """What there is to measure with; None leaves the figure out."""

    fid: Network | None = None
    fvd: Network | None = None
    csim: Network | None = None
    syncnet: Network | None = None


@dataclass(frozen=True, slots=True)
class VideoScores:
    """Figures of all pairs; intervals draw the videos."""

    videos: int
    fid: float | None
    fvd: float | None
    csim: Estimate | None
    lse_distance: Estimate | None
    lse_confidence: Estimate | None


def measure_videos(truth: Path, made: Path, networks: VideoNetworks) -> VideoScores:
    """Compare every made video with the real one of its name.

    CSIM is to the real video's first picture, which is what a portrait is in the paper. Raises
    FileMissingError where a name is missing in one of the folders, MediaError, WeightsError.
    """
    names = [path.name for path in pairs_in(truth, made)]
    people = [Path(name).stem for name in names]
    likeness, distance, confidence = [], [], []
    for name in names:
        if networks.csim is not None:
            source_HWC = next(iter(decode_video(truth / name)))
            likeness.append(
                float(csim(source_HWC, decode_video(made / name), networks.csim).mean())
            )
        if networks.syncnet is not None:
            voice_S = decode_audio(made / name).mean(axis=0)
            score = lip_sync_error(decode_video(made / name), voice_S, networks.syncnet)
            distance.append(score.distance)
            confidence.append(score.confidence)
    folders = (truth, made)
    return VideoScores(
        videos=len(names),
        fid=_of_pictures(folders, names, networks.fid),
        fvd=_of_clips(folders, names, networks.fvd),
        csim=mean_estimate(likeness, people) if likeness else None,
        lse_distance=mean_estimate(distance, people) if distance else None,
        lse_confidence=mean_estimate(confidence, people) if confidence else None,
    )


def pairs_in(truth: Path, made: Path) -> list[Path]:
    """The made videos, sorted. Raises FileMissingError where a real one is missing, or all are."""
    found = sorted(path for path in made.glob("*.mp4") if path.is_file())
    if not found:
        raise FileMissingError(f"There is no mp4 in {made}.")
    missing = [path.name for path in found if not (truth / path.name).is_file()]
    if missing:
        raise FileMissingError(f"There is no {missing[0]} in {truth}.")
    return found


def _of_pictures(
    folders: tuple[Path, Path], names: list[str], network: Network | None
) -> float | None:
    if network is None:
        return None
    truth_TF, made_TF = (
        _joined(picture_features(decode_video(folder / name), network) for name in names)
        for folder in folders
    )
    return fid(truth_TF, made_TF)


def _of_clips(
    folders: tuple[Path, Path], names: list[str], network: Network | None
) -> float | None:
    if network is None:
        return None
    truth_NF, made_NF = (
        _joined(clip_features(decode_video(folder / name), network) for name in names)
        for folder in folders
    )
    return fid(truth_NF, made_NF)


def _joined(parts: Iterator[Floats]) -> Floats:
    return np.concatenate(list(parts))
