"""Readings of a face in motion coefficients: openings, and the amounts of single actions."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from afgen.autoencoder.mesh.basis import load_basis
from afgen.autoencoder.mesh.measures import eye_openings, mouth_opening
from afgen.autoencoder.mesh.motion import ANGLES, EXPRESSION, POSE_SCALES
from afgen.data.body import load_body
from afgen.data.listeners import Channel
from afgen.signals import Floats


@dataclass(frozen=True, slots=True)
class FaceReadings:
    """Courses over T frames."""

    mouth_T: Floats  # inner-lip opening over the mouth's width
    eyes_T: Floats  # lid opening over the eye's width, mean of both
    smile_T: Floats  # amount of the smile action
    pitch_T: Floats  # degrees, chin down is positive
    yaw_T: Floats
    gaze_T: Floats  # amount of the horizontal gaze action


def read_face(motion_TD: Floats) -> FaceReadings:
    """What a face does in motion (T, D)."""
    basis = load_basis()
    shape_TN3 = basis.mean_N3 + basis.displacement(motion_TD[:, EXPRESSION])
    amounts_TC = motion_TD[:, EXPRESSION] @ _readers()
    degrees_T3 = np.degrees(motion_TD[:, ANGLES] * POSE_SCALES[ANGLES])
    return FaceReadings(
        mouth_T=mouth_opening(shape_TN3).astype(np.float32),
        eyes_T=eye_openings(shape_TN3).mean(axis=-1).astype(np.float32),
        smile_T=amounts_TC[:, 0].astype(np.float32),
        pitch_T=degrees_T3[:, 0].astype(np.float32),
        yaw_T=degrees_T3[:, 1].astype(np.float32),
        gaze_T=amounts_TC[:, 1].astype(np.float32),
    )


@cache
def _readers() -> Floats:
    """Columns (32, 2) that read off smile and gaze, given the other actions (least squares)."""
    wanted = (Channel.SMILE, Channel.GAZE_X)
    others = (Channel.BLINK, Channel.GAZE_Y, Channel.JAW_OPEN, Channel.LIP_PRESS)
    rows_CK = load_body().behaviour_KD[[*wanted, *others, Channel.BROW_RAISE], EXPRESSION]
    readers: Floats = np.linalg.pinv(rows_CK)[:, : len(wanted)].astype(np.float32)
    return readers
