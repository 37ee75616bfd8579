"""What the motion basis cannot say of tracked clips, in pixels of a face 220 px wide."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from afgen.autoencoder.mesh.basis import MotionBasis
from afgen.autoencoder.mesh.fit import Residual, held_out, residual_px, tracked_frames
from afgen.errors import FileMissingError


@dataclass(frozen=True, slots=True)
class ClipResidual:
    """One clip's mean distance between landmarks and their projection on the basis."""

    name: str
    residual: Residual


def basis_residuals(
    tracks_dir: Path, basis: MotionBasis, *, held_out_only: bool = False
) -> Iterator[ClipResidual]:
    """Residual of each tracked clip of a folder; of those the fit left out, if wanted.

    Raises FileMissingError if there is none.
    """
    files = sorted(tracks_dir.glob("*.npz"))
    wanted = [path for i, path in enumerate(files) if held_out(i) or not held_out_only]
    if not wanted:
        raise FileMissingError(f"no tracked clips in {tracks_dir}")
    for path in wanted:
        yield ClipResidual(path.stem, residual_px(tracked_frames(path), basis))


def mean_residual(clips: list[ClipResidual]) -> Residual:
    """Every clip counts the same."""
    return Residual(
        float(np.mean([clip.residual.features for clip in clips])),
        float(np.mean([clip.residual.everything for clip in clips])),
    )
