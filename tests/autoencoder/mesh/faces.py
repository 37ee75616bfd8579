"""Made-up faces that move in a known way, so that nothing here needs a recording."""

import numpy as np
from numpy.typing import NDArray

from afgen.autoencoder.mesh.actions import Controls
from afgen.autoencoder.mesh.basis import load_basis
from afgen.autoencoder.mesh.motion import EXPRESSION, apply_pose
from afgen.autoencoder.mesh.pose import Pose, euler_to_rotation, project

Array = NDArray[np.float64]

REST = Pose(np.float64(180.0), euler_to_rotation(np.zeros(3)), np.array([240.0, 200.0, 0.0]))


def picture(controls: Controls, rest: Pose = REST) -> NDArray[np.float32]:
    """Landmarks (N, 3) in pixels of the mean face doing what is asked."""
    motion_D, basis = controls.motion(), load_basis()
    shape_N3 = basis.mean_N3 + basis.displacement(motion_D[EXPRESSION])
    return project(apply_pose(motion_D, rest), shape_N3).astype(np.float32)


def talking(frames: int, *, seed: int = 0, jitter_px: float = 0.1) -> NDArray[np.float32]:
    """A face (T, N, 3) that rests for half a second, then talks, nods, blinks and smiles."""
    rng = np.random.default_rng(seed)
    seconds = np.arange(frames) / 25
    words = np.clip(np.sin(2 * np.pi * 2.1 * seconds), 0, None) * (seconds > 0.5)
    blinks = np.exp(-(((seconds % 2.0 - 1.3) / 0.06) ** 2))
    rows = [
        picture(
            Controls(
                {"jaw_open": 0.5 * word, "blink_left": blink, "blink_right": blink},
                pitch_deg=4 * np.sin(2 * np.pi * 0.5 * second),
                yaw_deg=5 * np.sin(2 * np.pi * 0.3 * second),
            )
        )
        for second, word, blink in zip(seconds, words, blinks, strict=True)
    ]
    return np.stack(rows) + rng.normal(0, jitter_px, (frames, 478, 3)).astype(np.float32)
