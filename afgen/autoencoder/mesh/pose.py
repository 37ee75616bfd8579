"""Head pose under weak perspective: picture = scale * rotation @ shape + translation.

Axes are those of the picture: x right, y down, z away from the camera; shapes are in face widths
around the mean of the rigid points, pictures in pixels. Angles are (pitch, yaw, roll) in radians:
pitch > 0 lowers the nose, yaw > 0 turns it to the right of the picture, roll > 0 tips the head
clockwise as seen in the picture. Leading dimensions (...) are batches.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afgen.autoencoder.mesh.topology import RIGID

Array = NDArray[np.float64]
ArrayIn = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a head is. Fields share the batch dimensions; a single pose has none."""

    scale: Array  # (...,) pixels per face width
    rotation_33: Array  # (..., 3, 3)
    translation_3: Array  # (..., 3) pixels: where the mean of the rigid points is

    def __getitem__(self, index: int | slice | NDArray[np.bool_] | NDArray[np.intp]) -> "Pose":
        """Poses of some frames of a batch."""
        return Pose(self.scale[index], self.rotation_33[index], self.translation_3[index])


def solve_pose(landmarks_N3: ArrayIn, mean_N3: ArrayIn) -> tuple[Pose, Array]:
    """Pose of the rigid points, and all landmarks with that pose taken away.

    Least squares of Umeyama, "Least-squares estimation of transformation parameters between two
    point patterns", IEEE TPAMI 13 (1991), equations 39-42. Shapes (..., N, 3) -> (..., N, 3).
    """
    landmarks = np.asarray(landmarks_N3, dtype=np.float64)
    rigid_R3 = landmarks[..., RIGID, :]
    model_R3 = np.asarray(mean_N3, dtype=np.float64)[RIGID]
    centre_3, model_centre_3 = rigid_R3.mean(-2), model_R3.mean(0)
    model_R3 = model_R3 - model_centre_3
    covariance_33 = np.swapaxes(rigid_R3 - centre_3[..., None, :], -1, -2) @ model_R3
    u_33, singular_3, vt_33 = np.linalg.svd(covariance_33)
    signs_3 = np.ones_like(singular_3)
    signs_3[..., 2] = np.sign(np.linalg.det(u_33 @ vt_33))
    rotation_33 = (u_33 * signs_3[..., None, :]) @ vt_33
    scale = (singular_3 * signs_3).sum(-1) / np.square(model_R3).sum()
    translation_3 = centre_3 - scale[..., None] * (rotation_33 @ model_centre_3)
    pose = Pose(scale, rotation_33, translation_3)
    return pose, unproject(pose, landmarks)


def project(pose: Pose, shape_N3: ArrayIn) -> Array:
    """Shape in face widths -> pixels, (..., N, 3)."""
    turned_N3 = np.asarray(shape_N3, dtype=np.float64) @ np.swapaxes(pose.rotation_33, -1, -2)
    projected: Array = pose.scale[..., None, None] * turned_N3 + pose.translation_3[..., None, :]
    return projected


def unproject(pose: Pose, landmarks_N3: ArrayIn) -> Array:
    """Pixels -> shape in face widths, the inverse of `project`, (..., N, 3)."""
    centred_N3 = np.asarray(landmarks_N3, dtype=np.float64) - pose.translation_3[..., None, :]
    shape: Array = (centred_N3 @ pose.rotation_33) / pose.scale[..., None, None]
    return shape


def euler_to_rotation(angles_3: ArrayIn) -> Array:
    """Rotations roll * yaw * pitch of (pitch, yaw, roll) in radians, (..., 3) -> (..., 3, 3)."""
    angles = np.asarray(angles_3, dtype=np.float64)
    (cp, cy, cr), (sp, sy, sr) = (np.moveaxis(f(angles), -1, 0) for f in (np.cos, np.sin))
    rows = [
        [cr * cy, -sr * cp - cr * sy * sp, sr * sp - cr * sy * cp],
        [sr * cy, cr * cp - sr * sy * sp, -cr * sp - sr * sy * cp],
        [sy, cy * sp, cy * cp],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def rotation_to_euler(rotation_33: ArrayIn) -> Array:
    """The inverse of `euler_to_rotation` for |yaw| < 90 degrees, (..., 3, 3) -> (..., 3)."""
    r = np.asarray(rotation_33, dtype=np.float64)
    pitch = np.arctan2(r[..., 2, 1], r[..., 2, 2])
    yaw = np.arcsin(np.clip(r[..., 2, 0], -1.0, 1.0))
    roll = np.arctan2(r[..., 1, 0], r[..., 0, 0])
    return np.stack([pitch, yaw, roll], axis=-1)
