"""The 38 numbers of motion: six of pose relative to rest, 32 of expression relative to neutral.

All are dimensionless with a typical deviation of about 1 in lively talk: pose is divided by the
scales below, expression by the basis' own (`MotionBasis.scales_K`).
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from afgen.autoencoder.mesh.basis import COEFFICIENTS, MotionBasis
from afgen.autoencoder.mesh.pose import Pose, euler_to_rotation, rotation_to_euler

Array = NDArray[np.float64]
ArrayIn = NDArray[np.floating[Any]]

PITCH: Final = 0
YAW: Final = 1
ROLL: Final = 2
LOG_SCALE: Final = 3
SHIFT_X: Final = 4
SHIFT_Y: Final = 5
ANGLES: Final = slice(0, 3)
SHIFT: Final = slice(4, 6)
POSE: Final = slice(0, 6)
EXPRESSION: Final = slice(6, 6 + COEFFICIENTS)
MOTION_DIM: Final = 6 + COEFFICIENTS  # D

_ANGLE_SCALE_RAD = np.radians(3.0)
_LOG_SCALE_SCALE = 0.02
_SHIFT_SCALE = 0.03  # face widths
POSE_SCALES: Final[Array] = np.array(
    [_ANGLE_SCALE_RAD] * 3 + [_LOG_SCALE_SCALE] + [_SHIFT_SCALE] * 2
)
POSE_SCALES.setflags(write=False)
_POSE_PARITY = np.array([1.0, -1.0, -1.0, 1.0, -1.0, 1.0])


@dataclass(frozen=True, slots=True)
class MotionLimits:
    """How far motion may go before a picture breaks; reached softly."""

    angle_rad: float = float(np.radians(18.0))
    log_scale: float = 0.12
    shift: float = 0.20  # face widths
    coefficient: float = 9.0


def limit_motion(motion_D: ArrayIn, limits: MotionLimits = MotionLimits()) -> Array:
    """Motion (..., D) bent back inside the limits; untouched up to two thirds of each."""
    pose_6 = np.array(
        [limits.angle_rad] * 3 + [limits.log_scale] + [limits.shift] * 2, dtype=np.float64
    )
    bounds_D = np.concatenate([pose_6 / POSE_SCALES, np.full(COEFFICIENTS, limits.coefficient)])
    knee_D = bounds_D * (2 / 3)
    over_D = np.maximum(np.abs(motion_D) - knee_D, 0.0)
    room_D = bounds_D - knee_D
    bent_D = np.minimum(np.abs(motion_D), knee_D) + room_D * np.tanh(over_D / room_D)
    limited: Array = np.sign(motion_D) * bent_D
    return limited


def pose_motion(pose: Pose, rest: Pose) -> Array:
    """Scaled pose part (..., 6) of a pose relative to rest."""
    turn_33 = pose.rotation_33 @ np.swapaxes(rest.rotation_33, -1, -2)
    shift_2 = (pose.translation_3 - rest.translation_3)[..., :2] / rest.scale[..., None]
    log_scale = np.log(pose.scale / rest.scale)[..., None]
    parts = [rotation_to_euler(turn_33), log_scale, shift_2]
    scaled_6: Array = np.concatenate(parts, axis=-1) / POSE_SCALES
    return scaled_6


def apply_pose(motion_D: ArrayIn, rest: Pose) -> Pose:
    """The pose that the pose part of motion (..., D) gives to a head at rest."""
    pose_6 = np.asarray(motion_D, np.float64)[..., POSE] * POSE_SCALES
    shift_3 = np.concatenate([pose_6[..., SHIFT], np.zeros_like(pose_6[..., :1])], axis=-1)
    return Pose(
        rest.scale * np.exp(pose_6[..., LOG_SCALE]),
        euler_to_rotation(pose_6[..., ANGLES]) @ rest.rotation_33,
        rest.translation_3 + rest.scale[..., None] * shift_3,
    )


def join_motion(pose_6: ArrayIn, coefficients_K: ArrayIn) -> Array:
    """Scaled pose part and coefficients -> motion (..., D)."""
    return np.concatenate([pose_6, coefficients_K], axis=-1, dtype=np.float64)


def mirror_motion(motion_D: ArrayIn, basis: MotionBasis) -> Array:
    """The motion seen in a mirror, (..., D): exact, and its own inverse."""
    mirrored: Array = motion_D * np.concatenate([_POSE_PARITY, basis.parity_K])
    return mirrored
