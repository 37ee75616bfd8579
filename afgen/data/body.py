"""From what a simulated person does to the motion coefficients of the mesh autoencoder.

Shape letters: T frames, K behaviour channels, D = 38 motion dimensions.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from afgen.autoencoder.mesh.actions import author_actions
from afgen.autoencoder.mesh.basis import MotionBasis, load_basis
from afgen.autoencoder.mesh.motion import (
    ANGLES,
    EXPRESSION,
    LOG_SCALE,
    MOTION_DIM,
    POSE_SCALES,
    SHIFT_X,
    SHIFT_Y,
    mirror_motion,
)
from afgen.autoencoder.mesh.topology import NOSE_TIP, UPPER_LIP_OUTER
from afgen.data.listeners.channels import CHANNELS, Channel
from afgen.signals import Floats

Array = NDArray[np.float64]

_ACTIONS: Final[dict[Channel, tuple[str, ...]]] = {
    Channel.BLINK: ("blink_left", "blink_right"),
    Channel.GAZE_X: ("gaze_x",),
    Channel.GAZE_Y: ("gaze_y",),
    Channel.SMILE: ("smile",),
    Channel.BROW_RAISE: ("brow_raise",),
    Channel.JAW_OPEN: ("jaw_open",),
    Channel.LIP_PRESS: ("lip_press",),
}


@dataclass(frozen=True)
class Body:
    """Linear maps between behaviour, recorded motion and motion.

    behaviour_KD: motion of one unit of each channel.
    lower_face_DD: what recorded motion keeps when only its lower face is taken.
    habit_DD: removes what opens mouth or eyes, moves the gaze or smiles from a random expression.
    mirror_D: signs of the motion seen in a mirror.
    """

    behaviour_KD: Floats
    lower_face_DD: Floats
    habit_DD: Floats
    mirror_D: Floats

    def motion(self, behaviour_TK: Floats) -> Floats:
        """Motion (T, D) of a behaviour (T, K)."""
        moved: Floats = behaviour_TK @ self.behaviour_KD
        return moved


@cache
def load_body() -> Body:
    """The maps for the stored basis; raises WeightsMissingError without one."""
    basis = load_basis()
    actions_AD = _action_rows(basis)
    behaviour_KD = np.zeros((CHANNELS, MOTION_DIM))
    behaviour_KD[:3, ANGLES] = np.diag(np.radians(1) / POSE_SCALES[ANGLES])
    behaviour_KD[Channel.LEAN, LOG_SCALE] = 1 / POSE_SCALES[LOG_SCALE]
    behaviour_KD[Channel.SHIFT_X, SHIFT_X] = 1 / POSE_SCALES[SHIFT_X]
    behaviour_KD[Channel.SHIFT_Y, SHIFT_Y] = 1 / POSE_SCALES[SHIFT_Y]
    for channel, names in _ACTIONS.items():
        behaviour_KD[channel, EXPRESSION] = sum(actions_AD[name] for name in names)
    kept_AD = [behaviour_KD[channel, EXPRESSION] for channel in _ACTIONS]
    return Body(
        behaviour_KD=behaviour_KD.astype(np.float32),
        lower_face_DD=_lower_face(basis).astype(np.float32),
        habit_DD=_away_from(np.stack([*kept_AD, actions_AD["lips_part"]])).astype(np.float32),
        mirror_D=mirror_motion(np.ones(MOTION_DIM), basis).astype(np.float32),
    )


def _action_rows(basis: MotionBasis) -> dict[str, Array]:
    """Coefficients (32,) of each action at amount 1."""
    authored = author_actions(basis.mean_N3, basis.jaw_N3)
    return {name: basis.coefficients(field_N3) for name, field_N3 in authored.items()}


def _lower_face(basis: MotionBasis) -> Array:
    """Displacements below the nose kept, those above the tip of the nose left out (D, D)."""
    height_N = basis.mean_N3[:, 1]
    top, bottom = height_N[NOSE_TIP], height_N[UPPER_LIP_OUTER].min()
    share = np.clip((height_N - top) / (bottom - top), 0, 1)
    kept_N1 = (share * share * (3 - 2 * share))[:, None]
    coefficients = EXPRESSION.stop - EXPRESSION.start
    fields_KN3 = basis.displacement(np.eye(coefficients))
    lower_DD: Array = np.zeros((MOTION_DIM, MOTION_DIM))
    lower_DD[EXPRESSION, EXPRESSION] = basis.coefficients(fields_KN3 * kept_N1)
    return lower_DD


def _away_from(rows_AE: Array) -> Array:
    """Projection (D, D) of expression onto what is orthogonal to the given rows; pose goes."""
    orthonormal_AE = np.linalg.qr(rows_AE.T)[0].T
    away_DD: Array = np.zeros((MOTION_DIM, MOTION_DIM))
    away_DD[EXPRESSION, EXPRESSION] = np.eye(rows_AE.shape[1]) - orthonormal_AE.T @ orthonormal_AE
    return away_DD
