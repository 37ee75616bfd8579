"""Fitting the motion basis to tracked clips and to the authored actions.

One speaker never smiles widely or looks away, so the basis is fitted to two things at once: what
was recorded (with its mirror image, so that left and right are equal) and the authored actions. The
clips are gone through twice, memory does not grow with their number.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from afgen.autoencoder.mesh.actions import author_actions
from afgen.autoencoder.mesh.basis import COEFFICIENTS, MotionBasis
from afgen.autoencoder.mesh.mean import mean_shape, mirror, symmetrise
from afgen.autoencoder.mesh.measures import eye_openings, mouth_opening, mouth_width
from afgen.autoencoder.mesh.neutral import clip_neutral
from afgen.autoencoder.mesh.pose import rotation_to_euler, solve_pose
from afgen.autoencoder.mesh.topology import (
    EYES,
    LANDMARKS,
    LOWER_LIP_INNER,
    LOWER_LIP_OUTER,
    MOUTH_LOOP,
    UPPER_LIP_INNER,
    UPPER_LIP_OUTER,
    Indices,
    load_topology,
)
from afgen.errors import FileMissingError

Array = NDArray[np.float64]
ArrayIn = NDArray[np.floating[Any]]
Clips = Callable[[], Iterable[ArrayIn]]
TrackedClip = Callable[[], ArrayIn]  # reads landmarks (T, N, 3) of frames that were tracked

_HELD_OUT_EVERY: Final = 10
_NEUTRAL_FRAMES = 3  # of each clip that go into the mean shape
_FRAME_STEP = 2  # neighbouring frames say the same


@dataclass(frozen=True, slots=True)
class FitConfig:
    """What counts how much in the fit."""

    feature_weight: float = 3.0  # lips, lids and irises
    depth_weight: float = 0.4
    action_share: float = 0.5  # of the whole weighted variance that comes from authored actions
    action_levelling: float = 0.7  # 0: large actions count by their size, 1: all count the same
    scale_floor: float = 0.2  # smallest scale of a coefficient as a part of the largest
    leak_ridge: float = 1e-4  # radians^2, keeps the pose regression small where pose hardly moves


def held_out(number: int) -> bool:
    """Whether the clip at this place is kept out of the fit."""
    return number % _HELD_OUT_EVERY == _HELD_OUT_EVERY - 1


@dataclass(frozen=True, slots=True)
class FittedBasis:
    """A basis and where it comes from, as stored beside it."""

    basis: MotionBasis
    provenance: dict[str, str]


def fit_basis_from(clips: Sequence[TrackedClip], config: FitConfig = FitConfig()) -> FittedBasis:
    """Basis of tracked clips; every tenth is left out, to measure on.

    Raises FileMissingError if there are no clips.
    """
    fitted = [clip for number, clip in enumerate(clips) if not held_out(number)]
    if not fitted:
        raise FileMissingError("There are no tracked clips to fit a basis to.")
    basis = fit_basis(lambda: (clip() for clip in fitted), load_topology().mirror, config)
    provenance = {
        "format": "afgen motion basis 1",
        "clips": str(len(fitted)),
        "inputs_sha256": _inputs_hash(fitted),
        "basis_sha256": basis.sha256,
        "config": json.dumps(asdict(config), sort_keys=True),
    }
    return FittedBasis(basis, provenance)


def _inputs_hash(clips: Iterable[TrackedClip]) -> str:
    """Hash of all landmarks that were fitted, in order."""
    digest = hashlib.sha256()
    for clip in clips:
        digest.update(clip().tobytes())
    return digest.hexdigest()


def fit_basis(clips: Clips, mirror_pairs: Indices, config: FitConfig) -> MotionBasis:
    """Mean, pose leakage, jaw and the orthonormal basis of clips of landmarks (T, N, 3).

    `clips` is called once for each pass and gives the same clips each time.
    """
    neutral_TN3 = np.concatenate([_neutral_frames(clip) for clip in clips()])
    mean_N3 = symmetrise(mean_shape(neutral_TN3), mirror_pairs)
    leak_2N3, jaw_N3 = _regress(clips(), mean_N3, mirror_pairs, config)
    weights_N3 = feature_weights(config)
    moments = _Moments()
    for clip in clips():
        displacement_TN3, angles_T3, _ = _displacements(clip, mean_N3)
        displacement_TN3 -= np.einsum("tp,pnc->tnc", angles_T3[:, :2], leak_2N3)
        moments.add(displacement_TN3 * weights_N3, mirror_pairs)
    actions = author_actions(mean_N3, jaw_N3)
    authored = _Moments()
    for action_N3 in actions.values():
        weighted_N3 = action_N3 * weights_N3
        strength = np.linalg.norm(weighted_N3) ** -config.action_levelling
        authored.add(strength * weighted_N3[None], mirror_pairs)
    vectors_KM, scales_K, parity_K = _principal(moments, authored, config)
    return MotionBasis(
        mean_N3=mean_N3,
        vectors_KN3=vectors_KM.reshape(-1, LANDMARKS, 3),
        weights_N3=weights_N3,
        scales_K=scales_K,
        parity_K=parity_K,
        leak_2N3=leak_2N3,
        jaw_N3=jaw_N3,
    )


@dataclass(frozen=True, slots=True)
class Residual:
    """What a basis cannot say of a clip: mean distance in the picture, in pixels."""

    features: float  # of lips and lids
    everything: float


def residual_px(clip_TN3: ArrayIn, basis: MotionBasis, face_px: float = 220.0) -> Residual:
    """Distance of landmarks to their projection on the basis, for a face `face_px` wide."""
    displacement_TN3, angles_T3, _ = _displacements(clip_TN3, basis.mean_N3)
    displacement_TN3 -= basis.pose_leak(angles_T3)
    missed_TN3 = basis.displacement(basis.coefficients(displacement_TN3)) - displacement_TN3
    distance_TN = face_px * np.linalg.norm(missed_TN3[..., :2], axis=-1)
    features = np.concatenate([MOUTH_LOOP, *(eye.loop for eye in EYES)])
    return Residual(float(distance_TN[:, features].mean()), float(distance_TN.mean()))


def feature_weights(config: FitConfig) -> Array:
    """How much each coordinate of each landmark counts, (N, 3)."""
    weights_N3 = np.ones((LANDMARKS, 3))
    lips = [UPPER_LIP_INNER, LOWER_LIP_INNER, UPPER_LIP_OUTER, LOWER_LIP_OUTER]
    eyes = [points for eye in EYES for points in (eye.loop, eye.iris)]
    weights_N3[np.concatenate([*lips, *eyes])] = config.feature_weight
    weights_N3[:, 2] *= config.depth_weight
    return weights_N3


def _neutral_frames(clip_TN3: ArrayIn) -> Array:
    mouth_T, eyes_T = mouth_opening(clip_TN3), eye_openings(clip_TN3).mean(-1)
    distance_T = 3.0 * mouth_T + 4.0 * np.abs(eyes_T - np.percentile(eyes_T, 65.0))
    best = np.argsort(distance_T, kind="stable")[:_NEUTRAL_FRAMES]
    best_TN3: Array = clip_TN3[best].astype(np.float64)
    return best_TN3


def _displacements(clip_TN3: ArrayIn, mean_N3: Array) -> tuple[Array, Array, Array]:
    """Displacements from the clip's neutral, angles from its median, and the face's measures."""
    poses, shapes_TN3 = solve_pose(clip_TN3, mean_N3)
    angles_T3 = rotation_to_euler(poses.rotation_33)
    neutral_N3 = clip_neutral(shapes_TN3, angles_T3)
    shapes_TN3, angles_T3 = shapes_TN3[::_FRAME_STEP], angles_T3 - np.median(angles_T3, axis=0)
    closure_T = 1.0 - eye_openings(shapes_TN3).mean(-1) / eye_openings(neutral_N3).mean()
    measures_T3 = np.stack(
        [
            mouth_opening(shapes_TN3) - mouth_opening(neutral_N3),
            np.maximum(closure_T, 0.0),
            mouth_width(shapes_TN3) / mouth_width(neutral_N3) - 1.0,
        ],
        axis=-1,
    )
    return shapes_TN3 - neutral_N3, angles_T3[::_FRAME_STEP], measures_T3


def _regress(
    clips: Iterable[ArrayIn], mean_N3: Array, mirror_pairs: Indices, config: FitConfig
) -> tuple[Array, Array]:
    """Linear effect of (pitch, yaw) and of the mouth's opening on displacements.

    Both come from one regression with eye closure and mouth width beside them, so that the jaw that
    drops in speech is not taken for an effect of the nodding head. Symmetric: pitch and jaw are
    their own mirror images, yaw turns its sign.
    """
    square_55, product_5M, frames = np.zeros((5, 5)), np.zeros((5, LANDMARKS * 3)), 0
    for clip in clips:
        displacement_TN3, angles_T3, measures_T3 = _displacements(clip, mean_N3)
        causes_T5 = np.concatenate([angles_T3[:, :2], measures_T3], axis=1)
        frames += len(causes_T5)
        square_55 += causes_T5.T @ causes_T5
        product_5M += causes_T5.T @ displacement_TN3.reshape(len(causes_T5), -1)
    ridge_55 = np.diag([config.leak_ridge * frames] * 2 + [1e-9] * 3)
    effects_5N3 = np.linalg.solve(square_55 + ridge_55, product_5M).reshape(5, LANDMARKS, 3)
    pitch_N3, yaw_N3, opening_N3 = effects_5N3[0], effects_5N3[1], effects_5N3[2]
    yaw_N3 = (yaw_N3 - mirror(yaw_N3, mirror_pairs)) / 2
    leak_2N3 = np.stack([symmetrise(pitch_N3, mirror_pairs), yaw_N3])
    return leak_2N3, symmetrise(opening_N3, mirror_pairs)


@dataclass
class _Moments:
    """Second moments of the symmetric and the antisymmetric part of weighted displacements.

    A displacement and its mirror image together have no cross moment between the two parts, so
    each part has principal axes of its own.
    """

    even_MM: Array = field(default_factory=lambda: np.zeros((LANDMARKS * 3, LANDMARKS * 3)))
    odd_MM: Array = field(default_factory=lambda: np.zeros((LANDMARKS * 3, LANDMARKS * 3)))
    count: int = 0

    def add(self, weighted_TN3: Array, mirror_pairs: Indices) -> None:
        even_TN3 = symmetrise(weighted_TN3, mirror_pairs)
        even_TM = even_TN3.reshape(len(weighted_TN3), -1)
        odd_TM = (weighted_TN3 - even_TN3).reshape(len(weighted_TN3), -1)
        self.even_MM += even_TM.T @ even_TM
        self.odd_MM += odd_TM.T @ odd_TM
        self.count += len(weighted_TN3)


def _principal(
    recorded: _Moments, authored: _Moments, config: FitConfig
) -> tuple[Array, Array, Array]:
    """The leading axes of both sources together: vectors (K, M), scales (K,), parities (K,)."""
    share = config.action_share
    total_recorded = np.trace(recorded.even_MM) + np.trace(recorded.odd_MM)
    total_authored = np.trace(authored.even_MM) + np.trace(authored.odd_MM)
    # Both sources in the unit of one recorded frame, mixed by the wanted share of variance.
    a = (1 - share) / recorded.count
    b = share * total_recorded / (recorded.count * total_authored)
    vectors, variances, parities = [], [], []
    for parity, of_recorded, of_authored in (
        (1.0, recorded.even_MM, authored.even_MM),
        (-1.0, recorded.odd_MM, authored.odd_MM),
    ):
        mixed_MM = a * of_recorded + b * of_authored
        leading = [len(mixed_MM) - COEFFICIENTS, len(mixed_MM) - 1]
        variance_K, axes_MK = eigh(mixed_MM, subset_by_index=leading)
        vectors.append(_signed(axes_MK.T))
        variances.append(variance_K)
        parities.append(np.full(COEFFICIENTS, parity))
    all_variances = np.concatenate(variances)
    best = np.argsort(all_variances)[::-1][:COEFFICIENTS]
    scales_K = np.sqrt(all_variances[best])
    scales_K = np.maximum(scales_K, config.scale_floor * scales_K[0])
    return np.concatenate(vectors)[best], scales_K, np.concatenate(parities)[best]


def _signed(vectors_KM: Array) -> Array:
    """Axes have no sign of their own: the largest entry is made positive, on every machine."""
    largest_K = np.take_along_axis(vectors_KM, np.abs(vectors_KM).argmax(1)[:, None], axis=1)
    signed: Array = vectors_KM * np.sign(largest_K)
    return signed
