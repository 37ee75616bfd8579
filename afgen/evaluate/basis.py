"""What a motion basis cannot say of clips that it was not fitted to."""

from pathlib import Path

import numpy as np

from afgen.autoencoder.mesh.basis import MotionBasis
from afgen.autoencoder.mesh.fit import Residual, held_out, residual_px
from afgen.data.landmarks import landmarks_in


def held_out_residual(shards_dir: Path, basis: MotionBasis) -> Residual | None:
    """Mean residual of the clips that a fit leaves out, in pixels of a face 220 px wide.

    Every clip counts the same. None where there are too few clips to leave one out. Raises as
    `landmarks_in`.
    """
    clips = landmarks_in(shards_dir).values()
    residuals = [residual_px(read(), basis) for place, read in enumerate(clips) if held_out(place)]
    if not residuals:
        return None
    return Residual(
        float(np.mean([one.features for one in residuals])),
        float(np.mean([one.everything for one in residuals])),
    )
