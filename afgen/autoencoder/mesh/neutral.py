"""A person's own neutral shape: mouth closed, eyes open, facing the camera.

Motion is measured from it, so that the same motion means the same on every face. A whole clip picks
its best frames; a stream keeps a small gallery of the best frames so far, which settles within
seconds and then stays.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from afgen.autoencoder.mesh.measures import eye_openings, mouth_opening
from afgen.autoencoder.mesh.topology import LOWER_LIP_INNER, UPPER_LIP_INNER

Array = NDArray[np.float64]
ArrayIn = NDArray[np.floating[Any]]

CLOSED_MOUTH: Final = 0.03  # mouth opening up to which lips count as closed
_OPEN_EYE_PERCENTILE = 65.0
_GALLERY = 32  # frames
_GALLERY_GAIN = 0.08  # of the way to the gallery's shape that one frame moves the neutral


def frame_measures(shape_N3: ArrayIn, angles_3: ArrayIn) -> Array:
    """What tells a neutral frame: (mouth opening, eye opening, pitch, yaw), (..., 4)."""
    eyes = eye_openings(shape_N3).mean(-1)
    return np.stack(
        [mouth_opening(shape_N3), eyes, np.asarray(angles_3)[..., 0], np.asarray(angles_3)[..., 1]],
        axis=-1,
    )


def _distances(measures_T4: Array) -> Array:
    """How far each frame is from neutral, dimensionless, (T,)."""
    mouth_T, eye_T, pitch_T, yaw_T = measures_T4.T
    open_eye = np.percentile(eye_T, _OPEN_EYE_PERCENTILE)
    turned_T = np.abs(pitch_T - np.median(pitch_T)) + np.abs(yaw_T - np.median(yaw_T))
    distances: Array = 3.0 * mouth_T + 4.0 * np.abs(eye_T - open_eye) + turned_T
    return distances


def clip_neutral(shapes_TN3: Array, angles_T3: Array) -> Array:
    """Median of the most neutral twentieth of a clip (at least three frames), (N, 3)."""
    distances_T = _distances(frame_measures(shapes_TN3, angles_T3))
    best = np.argsort(distances_T, kind="stable")[: max(3, len(distances_T) // 20)]
    median: Array = np.median(shapes_TN3[best], axis=0)
    return median


def close_mouth(shape_N3: Array, jaw_N3: Array, opening: float = CLOSED_MOUTH) -> Array:
    """The shape with its jaw raised until the mouth is open by `opening` at most, (N, 3).

    `jaw_N3` is the displacement per unit of mouth opening (`MotionBasis.jaw_N3`).
    """
    closed_N3 = shape_N3
    for _ in range(4):  # the opening is nearly linear in the jaw: this converges at once
        excess = float(mouth_opening(closed_N3)) - opening
        if excess <= 1e-4:
            break
        closed_N3 = _part_lips(closed_N3 - excess * jaw_N3)
    return closed_N3


def _part_lips(shape_N3: Array) -> Array:
    """Lips that passed through each other are put back onto their common line."""
    upper, lower = UPPER_LIP_INNER[1:-1], LOWER_LIP_INNER[1:-1]
    overlap_K = np.maximum(shape_N3[upper, 1] - shape_N3[lower, 1], 0.0)
    parted_N3 = shape_N3.copy()
    parted_N3[upper, 1] -= overlap_K / 2
    parted_N3[lower, 1] += overlap_K / 2
    return parted_N3


@dataclass(frozen=True, slots=True)
class NeutralState:
    """The running estimate of one person. `neutral_N3` is its value; arrays are never changed."""

    neutral_N3: Array
    target_N3: Array  # what the gallery says, which the value approaches
    shapes_GN3: Array  # the gallery: the most neutral frames seen
    measures_G4: Array


def start_neutral(shape_N3: Array, measures_4: Array, jaw_N3: Array) -> NeutralState:
    """The estimate after one frame: that frame with its mouth closed."""
    closed_N3 = close_mouth(shape_N3, jaw_N3)
    return NeutralState(closed_N3, closed_N3, shape_N3[None], measures_4[None])


def update_neutral(
    state: NeutralState, shape_N3: Array, measures_4: Array, jaw_N3: Array
) -> NeutralState:
    """The estimate after one more frame."""
    state = _remember(state, shape_N3, measures_4, jaw_N3)
    gain = max(1.0 / len(state.shapes_GN3), _GALLERY_GAIN)
    neutral_N3 = state.neutral_N3 + gain * (state.target_N3 - state.neutral_N3)
    return replace(state, neutral_N3=neutral_N3)


def _remember(
    state: NeutralState, shape_N3: Array, measures_4: Array, jaw_N3: Array
) -> NeutralState:
    """Take a frame into the gallery, in place of the least neutral one once that is full.

    The gallery says the median of its better third.
    """
    measures_G4 = np.concatenate([state.measures_G4, measures_4[None]])
    order = np.argsort(_distances(measures_G4), kind="stable")
    if len(order) > _GALLERY:
        if order[-1] == _GALLERY:  # the new frame itself is the least neutral
            return state
        order = order[:_GALLERY]
    shapes_GN3 = np.concatenate([state.shapes_GN3, shape_N3[None]])[order]
    best_N3 = np.median(shapes_GN3[: max(1, len(order) // 3)], axis=0)
    return NeutralState(
        state.neutral_N3, close_mouth(best_N3, jaw_N3), shapes_GN3, measures_G4[order]
    )
