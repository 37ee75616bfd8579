"""What the motion basis cannot say of tracked clips, in pixels of a face 220 px wide."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from afgen.autoencoder.mesh.basis import MotionBasis
from afgen.autoencoder.mesh.fit import Residual, held_out, residual_px
from afgen.data.landmarks import landmarks_in
from afgen.errors import FileMissingError


@dataclass(frozen=True, slots=True)
class ClipResidual:
    """One clip's mean distance between landmarks and their projection on the basis."""

    name: str
    residual: Residual


def basis_residuals(
    shards_dir: Path, basis: MotionBasis, *, held_out_only: bool = False
) -> Iterator[ClipResidual]:
    """Residual of each tracked face of prepared samples; of those the fit left out, if wanted.

    Raises FileMissingError if there is none.
    """
    clips = landmarks_in(shards_dir).items()
    wanted = [clip for i, clip in enumerate(clips) if held_out(i) or not held_out_only]
    if not wanted:
        raise FileMissingError(f"no tracked clips in {shards_dir} were left out of the fit")
    for name, read in wanted:
        yield ClipResidual(name, residual_px(read(), basis))


def mean_residual(clips: list[ClipResidual]) -> Residual:
    """Every clip counts the same."""
    return Residual(
        float(np.mean([clip.residual.features for clip in clips])),
        float(np.mean([clip.residual.everything for clip in clips])),
    )
