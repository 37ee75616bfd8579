"""Landmarks -> motion: from frame to frame as they come, or over a whole clip.

The stream version knows the past only; its estimate of the person's rest pose and neutral shape
settles within seconds. The clip version, for training and measuring, looks at all frames first.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from afgen.autoencoder.mesh.basis import MotionBasis
from afgen.autoencoder.mesh.measures import eye_openings, mouth_opening
from afgen.autoencoder.mesh.motion import (
    ANGLES,
    EXPRESSION,
    MOTION_DIM,
    POSE,
    POSE_SCALES,
    join_motion,
    pose_motion,
)
from afgen.autoencoder.mesh.neutral import (
    NeutralState,
    clip_neutral,
    close_mouth,
    frame_measures,
    start_neutral,
    update_neutral,
)
from afgen.autoencoder.mesh.pose import Pose, euler_to_rotation, rotation_to_euler, solve_pose
from afgen.autoencoder.mesh.smoothing import SmoothingState, smooth
from afgen.signals import FaceView, Floats

Array = NDArray[np.float64]
ArrayIn = NDArray[np.floating[Any]]

_POSE_SIGMA_FRAMES: Final = 1.2  # zero-phase smoothing of whole clips
_EXPRESSION_SIGMA_FRAMES: Final = 0.5


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """How a stream is smoothed and how long its rest pose goes on following.

    Cut-off and beta are those of the One-Euro filter, in Hz and per scaled unit of motion; the
    expression's are higher so that blinks and lips stay crisp.
    """

    pose_cutoff_hz: float = 2.0
    pose_beta: float = 0.6
    expression_cutoff_hz: float = 4.0
    expression_beta: float = 1.2
    rest_memory_frames: int = 1500  # the rest pose is a mean over at most this long a past


@dataclass(frozen=True, slots=True)
class EncoderState:
    """All that is remembered of one tracked person."""

    frame: int
    seen: int  # frames so far
    neutral: NeutralState
    rest_7: Array  # mean pose: angles, log scale, translation
    smoothing: SmoothingState


@dataclass(frozen=True)
class MeshEncoder:
    """Motion of tracked faces on a basis. Holds constants only; each person's past is its state."""

    basis: MotionBasis
    config: EncoderConfig = EncoderConfig()

    def encode(self, view: FaceView, state: EncoderState | None) -> tuple[Floats, EncoderState]:
        """Motion (D,) of one frame and the state after it; `state=None` starts a new person."""
        pose, shape_N3 = solve_pose(view.landmarks_N3, self.basis.mean_N3)
        seen = 1 if state is None else state.seen + 1
        pose_7 = _pose_vector(pose)
        rest_7 = pose_7 if state is None else self._follow_rest(state.rest_7, pose_7, seen)
        measures_4 = frame_measures(shape_N3, pose_7[ANGLES])
        if state is None:
            neutral = start_neutral(shape_N3, measures_4, self.basis.jaw_N3)
        else:
            neutral = update_neutral(state.neutral, shape_N3, measures_4, self.basis.jaw_N3)
        raw_D = _motion(self.basis, pose, _pose_of(rest_7), shape_N3 - neutral.neutral_N3)
        smoothing = self._smooth(raw_D, view.frame, state)
        after = EncoderState(view.frame, seen, neutral, rest_7, smoothing)
        return smoothing.value_D.astype(np.float32), after

    def _follow_rest(self, rest_7: Array, pose_7: Array, seen: int) -> Array:
        return rest_7 + (pose_7 - rest_7) / min(seen, self.config.rest_memory_frames)

    def _smooth(self, raw_D: Array, frame: int, state: EncoderState | None) -> SmoothingState:
        cutoff_D, beta_D = np.empty(MOTION_DIM), np.empty(MOTION_DIM)
        cutoff_D[POSE], beta_D[POSE] = self.config.pose_cutoff_hz, self.config.pose_beta
        cutoff_D[EXPRESSION] = self.config.expression_cutoff_hz
        beta_D[EXPRESSION] = self.config.expression_beta
        if state is None:
            return smooth(raw_D, None, cutoff_D, beta_D)
        return smooth(raw_D, state.smoothing, cutoff_D, beta_D, max(1, frame - state.frame))


@dataclass(frozen=True, slots=True)
class ClipMotion:
    """A whole clip in the space of motion."""

    motion_TD: Floats
    mouth_T: Floats  # `mouth_opening` of each frame
    eyes_T: Floats  # mean of both `eye_openings`
    neutral_N3: Array
    rest: Pose


def encode_clip(landmarks_TN3: ArrayIn, basis: MotionBasis) -> ClipMotion:
    """Motion of a clip in which every frame was tracked, smoothed without delay.

    Rest is the median pose, neutral the best frames of the whole clip.
    """
    poses, shapes_TN3 = solve_pose(landmarks_TN3, basis.mean_N3)
    vectors_T7 = _pose_vector(poses)
    neutral_N3 = close_mouth(clip_neutral(shapes_TN3, vectors_T7[:, ANGLES]), basis.jaw_N3)
    rest = _pose_of(np.median(vectors_T7, axis=0))
    motion_TD = _motion(basis, poses, rest, shapes_TN3 - neutral_N3)
    return ClipMotion(
        smoothed_clip(motion_TD).astype(np.float32),
        mouth_opening(shapes_TN3).astype(np.float32),
        eye_openings(shapes_TN3).mean(-1).astype(np.float32),
        neutral_N3,
        rest,
    )


def smoothed_clip(motion_TD: ArrayIn) -> Array:
    """Motion (T, D) as smooth as that of a tracked clip is made."""
    smooth_TD: Array = np.array(motion_TD, np.float64)
    for part, sigma in ((POSE, _POSE_SIGMA_FRAMES), (EXPRESSION, _EXPRESSION_SIGMA_FRAMES)):
        smooth_TD[:, part] = gaussian_filter1d(smooth_TD[:, part], sigma, axis=0)
    return smooth_TD


def _motion(basis: MotionBasis, pose: Pose, rest: Pose, displacement_N3: Array) -> Array:
    pose_6 = pose_motion(pose, rest)
    leak_N3 = basis.pose_leak(pose_6[..., ANGLES] * POSE_SCALES[ANGLES])
    return join_motion(pose_6, basis.coefficients(displacement_N3 - leak_N3))


def _pose_vector(pose: Pose) -> Array:
    """Angles, log scale and translation, (..., 7): quantities that may be averaged."""
    return np.concatenate(
        [
            rotation_to_euler(pose.rotation_33),
            np.log(pose.scale)[..., None],
            pose.translation_3,
        ],
        axis=-1,
    )


def _pose_of(vector_7: Array) -> Pose:
    return Pose(np.exp(vector_7[3]), euler_to_rotation(vector_7[:3]), vector_7[4:])
