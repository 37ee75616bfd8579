"""Expression coefficients on a portrait's own face: lids that meet, lips that do not cross.

A displacement measured on other faces is fitted to this one: scaled to the width of its mouth and
the opening of its eyes. Lids follow how far the eye is open relative to rest, so that a tracked
blink, which rarely reaches closure, closes.

Shapes are (N, 3) in face widths.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afgen.autoencoder.mesh.actions import author_actions
from afgen.autoencoder.mesh.basis import MotionBasis
from afgen.autoencoder.mesh.curves import Array, smooth_step
from afgen.autoencoder.mesh.measures import mouth_opening, mouth_width
from afgen.autoencoder.mesh.neutral import close_mouth
from afgen.autoencoder.mesh.topology import (
    EYES,
    LOWER_LIP_INNER,
    LOWER_LIP_OUTER,
    MOUTH_CORNERS,
    MOUTH_LOOP,
    UPPER_LIP_INNER,
    UPPER_LIP_OUTER,
    EyePoints,
)

_INNER = slice(1, -1)  # an edge without its corners


@dataclass(frozen=True, slots=True)
class RetargetConfig:
    """Lengths are face widths."""

    closed_at: float = 0.32  # tracked opening of a closed eye, of its opening at rest
    faithful_from: float = 0.62  # above this part of the rest opening, lids follow as tracked
    widest: float = 1.45  # of the rest opening
    upper_share: float = 0.88  # of a closing eye's gap that the upper lid covers
    wink: tuple[float, float] = (0.25, 0.50)  # difference of openings that parts the two eyes
    lid_reach: float = 0.085  # skin above the lid that comes along
    closed_below: float = 0.03  # mouth opening that counts as closed


@dataclass(frozen=True, slots=True)
class LidRegion:
    """One eye on the mean shape: what follows its upper lid."""

    points: EyePoints
    follow_NP: Array  # (N, 7) weights of the upper lid's inner points
    near_N: Array  # 1 at the eye, fading
    gaps_P3: Array  # lower - upper, mean shape (7, 3)


@dataclass(frozen=True, slots=True)
class Retargeter:
    """Regions of the mean shape, computed once per basis."""

    basis: MotionBasis
    lids: tuple[LidRegion, ...]
    mouth_N: Array  # 1 at the lips, fading
    lower_lip_N: Array  # 1 on the lower lip, fading below it
    smile_N3: Array  # a full smile
    config: RetargetConfig


@dataclass(frozen=True, slots=True)
class OwnFace:
    """What a portrait's shape asks of every displacement."""

    neutral_N3: Array  # mouth closed
    rest_N3: Array  # as pictured
    stretch_N3: Array  # factor of displacements
    reference_K: Array  # coefficients of the picture itself
    residual_N3: Array  # what of the picture the basis cannot say


def build_retargeter(basis: MotionBasis, config: RetargetConfig | None = None) -> Retargeter:
    """Precompute the regions on the basis' mean shape."""
    config = config or RetargetConfig()
    lips = np.concatenate([MOUTH_LOOP, UPPER_LIP_OUTER, LOWER_LIP_OUTER])
    return Retargeter(
        basis=basis,
        lids=tuple(_lid_region(basis.mean_N3, eye, config) for eye in EYES),
        mouth_N=_fading(basis.mean_N3, lips, 0.16),
        lower_lip_N=_lower_lip(basis.mean_N3),
        smile_N3=author_actions(basis.mean_N3, basis.jaw_N3)["smile"],
        config=config,
    )


def fit_face(retargeter: Retargeter, rest_N3: Array) -> OwnFace:
    """Close the mouth of the pictured shape and find the coefficients that open it again."""
    basis = retargeter.basis
    neutral_N3 = joined_mouth(retargeter, rest_N3)
    stretch_N3 = _stretch(retargeter, neutral_N3)
    shown_N3 = rest_N3 - neutral_N3
    reference_K = basis.coefficients(shown_N3 / stretch_N3)
    residual_N3 = shown_N3 - basis.displacement(reference_K) * stretch_N3
    return OwnFace(neutral_N3, rest_N3, stretch_N3, reference_K, residual_N3)


def joined_mouth(retargeter: Retargeter, rest_N3: Array) -> Array:
    """The shape with its lips together: the jaw goes back up as far as needed, then lips meet."""
    if float(mouth_opening(rest_N3)) < retargeter.config.closed_below:
        return rest_N3
    relaxed_N3 = rest_N3 - _grin(retargeter, rest_N3) * retargeter.smile_N3
    raised_N3 = close_mouth(relaxed_N3, retargeter.basis.jaw_N3, opening=0.01)
    joined_N3 = _join_lips(raised_N3, retargeter.mouth_N)
    return _part_lips(_keep_lower_lip(relaxed_N3, joined_N3, retargeter.lower_lip_N))


def _grin(retargeter: Retargeter, rest_N3: Array) -> float:
    """How much smile to take from a face that laughs: talking lips can't close over a grin."""
    mean_N3 = retargeter.basis.mean_N3
    smiling_N3 = mean_N3 + retargeter.smile_N3
    laughing = float(smooth_step(0.03, 0.12, float(mouth_opening(rest_N3))))
    lift, width = (
        float((measure(rest_N3) - measure(mean_N3)) / (measure(smiling_N3) - measure(mean_N3)))
        for measure in (_corner_lift, mouth_width)
    )
    return 0.6 * laughing * float(np.clip((lift + width) / 2 - 0.1, 0.0, 1.0))


def _corner_lift(shape_N3: Array) -> float:
    """How far the mouth's corners lie above the lower edge of the upper lip."""
    return float(shape_N3[UPPER_LIP_INNER[5], 1] - shape_N3[MOUTH_CORNERS, 1].mean())


def expression(retargeter: Retargeter, face: OwnFace, coefficients_K: Array) -> Array:
    """The shape of this face with these coefficients, (N, 3)."""
    displacement_N3 = retargeter.basis.displacement(coefficients_K)
    shape_N3 = face.neutral_N3 + displacement_N3 * face.stretch_N3
    size = float(np.linalg.norm(face.reference_K))
    if size > 0:
        apart = float(np.linalg.norm(coefficients_K - face.reference_K))
        shape_N3 = shape_N3 + max(0.0, 1.0 - apart / size) * face.residual_N3
    openness = _openness(retargeter, displacement_N3)
    for region, open_now in zip(retargeter.lids, openness, strict=True):
        shape_N3 = _set_lids(shape_N3, face.neutral_N3, region, open_now, retargeter.config)
    return _part_lips(shape_N3)


def _lid_region(mean_N3: Array, eye: EyePoints, config: RetargetConfig) -> LidRegion:
    upper, lower = eye.upper[_INNER], eye.lower[_INNER]
    apart_NP = np.linalg.norm(mean_N3[:, None, :2] - mean_N3[None, upper, :2], axis=2)
    weights_NP = np.exp(-((apart_NP / 0.035) ** 2))
    weights_NP /= np.maximum(weights_NP.sum(1, keepdims=True), 1e-9)
    fade_N = 1 - smooth_step(0.0, config.lid_reach, apart_NP.min(1))
    order = np.argsort(mean_N3[upper, 0])
    lid_y = np.interp(mean_N3[:, 0], mean_N3[upper[order], 0], mean_N3[upper[order], 1])
    fade_N[mean_N3[:, 1] > lid_y + 0.004] = 0.0
    fade_N[np.concatenate([eye.loop, eye.iris])] = 0.0
    near_N = _fading(mean_N3, np.concatenate([eye.loop, eye.iris]), 0.11)
    return LidRegion(eye, weights_NP * fade_N[:, None], near_N, mean_N3[lower] - mean_N3[upper])


def _fading(mean_N3: Array, indices: NDArray[np.intp], radius: float) -> Array:
    """1 near the landmarks, 0 from `radius` on."""
    apart_N = np.linalg.norm(mean_N3[:, None] - mean_N3[None, indices], axis=2).min(1)
    return 1 - smooth_step(0.35 * radius, radius, apart_N)


def _lower_lip(mean_N3: Array) -> Array:
    """1 from the lower lip's inner to its outer edge, fading towards chin and corners."""
    lip = np.concatenate([LOWER_LIP_INNER[2:-2], LOWER_LIP_OUTER[2:-2]])
    seam_y = mean_N3[UPPER_LIP_INNER, 1].mean()
    below_N = mean_N3[:, 1] > seam_y + 0.002
    weight_N: Array = _fading(mean_N3, lip, 0.13) * below_N
    weight_N[np.concatenate([MOUTH_LOOP, UPPER_LIP_OUTER])] = 0.0
    return weight_N


def _stretch(retargeter: Retargeter, neutral_N3: Array) -> Array:
    """Factor of displacements: this mouth's width and these eyes' opening over the mean face's."""
    mean_N3 = retargeter.basis.mean_N3
    width = float(mouth_width(neutral_N3) / mouth_width(mean_N3))
    stretch_N3 = np.ones_like(neutral_N3)
    stretch_N3 *= (1 + (np.clip(width, 0.75, 1.12) - 1) * retargeter.mouth_N)[:, None]
    for region in retargeter.lids:
        own_P3 = neutral_N3[region.points.lower[_INNER]] - neutral_N3[region.points.upper[_INNER]]
        ratio = np.abs(own_P3[:, 1]).mean() / np.abs(region.gaps_P3[:, 1]).mean()
        stretch_N3[:, 1] *= 1 + (np.clip(ratio, 0.5, 2.0) - 1) * region.near_N
    return stretch_N3


def _openness(retargeter: Retargeter, displacement_N3: Array) -> tuple[float, ...]:
    """How far each eye is open relative to rest; both alike unless it is a wink."""
    each = []
    for region in retargeter.lids:
        upper, lower = region.points.upper[_INNER], region.points.lower[_INNER]
        gap_P3 = region.gaps_P3 + displacement_N3[lower] - displacement_N3[upper]
        middle = slice(2, 5)
        now = np.sign(gap_P3[middle, 1]) * np.linalg.norm(gap_P3[middle], axis=1)
        each.append(float(now.mean() / np.linalg.norm(region.gaps_P3[middle], axis=1).mean()))
    own = float(smooth_step(*retargeter.config.wink, max(each) - min(each)))
    mean = sum(each) / len(each)
    return tuple(mean + own * (one - mean) for one in each)


def _set_lids(
    shape_N3: Array, neutral_N3: Array, region: LidRegion, open_now: float, config: RetargetConfig
) -> Array:
    """Move both lids so that their gap is the wanted part of the gap at rest."""
    wanted = min(_remap_opening(open_now, config), config.widest)
    upper, lower = region.points.upper[_INNER], region.points.lower[_INNER]
    wanted_P3 = (neutral_N3[lower] - neutral_N3[upper]) * wanted
    wanted_P3[:, 1] = np.maximum(wanted_P3[:, 1], 0.0008)
    excess_P3 = shape_N3[lower] - shape_N3[upper] - wanted_P3
    excess_P3[:, 0] *= 0.5
    down_P3 = config.upper_share * excess_P3
    moved_N3: Array = shape_N3 + region.follow_NP @ down_P3
    moved_N3[upper] += down_P3
    moved_N3[lower] -= (1 - config.upper_share) * excess_P3
    return moved_N3


def _remap_opening(open_now: float, config: RetargetConfig) -> float:
    """Tracked opening -> drawn opening: alike when open, 0 where trackers stop in a blink."""
    if open_now >= config.faithful_from:
        return open_now
    slope = config.faithful_from / (config.faithful_from - config.closed_at)
    return max(0.0, (open_now - config.closed_at) * slope)


def _join_lips(shape_N3: Array, mouth_N: Array) -> Array:
    """Bring the inner edges of the lips onto each other, point by point."""
    upper, lower = UPPER_LIP_INNER[_INNER], LOWER_LIP_INNER[_INNER]
    joined_N3 = shape_N3.copy()
    half_P = (shape_N3[lower, 1] - shape_N3[upper, 1]) / 2
    joined_N3[upper, 1] += half_P
    joined_N3[lower, 1] -= half_P
    for edge, outer, sign in ((upper, UPPER_LIP_OUTER, 1.0), (lower, LOWER_LIP_OUTER, -1.0)):
        follow = np.interp(shape_N3[outer[_INNER], 0], shape_N3[edge, 0], half_P)
        joined_N3[outer[_INNER], 1] += 0.5 * sign * follow * mouth_N[outer[_INNER]]
    return joined_N3


def _keep_lower_lip(before_N3: Array, after_N3: Array, lower_lip_N: Array) -> Array:
    """The lower lip comes up as one piece with its inner edge, instead of being stretched."""
    edge = LOWER_LIP_INNER
    order = np.argsort(before_N3[edge, 0])
    rise_E3 = (after_N3 - before_N3)[edge[order]]
    rises = [np.interp(before_N3[:, 0], before_N3[edge[order], 0], rise_E3[:, k]) for k in range(3)]
    as_one_N3 = before_N3 + np.stack(rises, axis=1)
    kept_N3: Array = after_N3 + lower_lip_N[:, None] * (as_one_N3 - after_N3)
    return kept_N3


def _part_lips(shape_N3: Array) -> Array:
    """Lips that would cross meet half way."""
    upper, lower = UPPER_LIP_INNER[_INNER], LOWER_LIP_INNER[_INNER]
    crossing_P = shape_N3[upper, 1] > shape_N3[lower, 1] - 0.001
    if not crossing_P.any():
        return shape_N3
    parted_N3 = shape_N3.copy()
    middle_P = (shape_N3[upper, 1] + shape_N3[lower, 1]) / 2
    parted_N3[upper[crossing_P], 1] = middle_P[crossing_P] - 0.0005
    parted_N3[lower[crossing_P], 1] = middle_P[crossing_P] + 0.0005
    return parted_N3


def smile_sides(face: OwnFace, shape_N3: Array) -> tuple[float, float]:
    """How much each corner of the mouth is drawn out and up, right then left; 1 is a full smile."""
    moved_23 = shape_N3[MOUTH_CORNERS] - face.rest_N3[MOUTH_CORNERS]
    outward_2 = moved_23[:, 0] * (-1.0, 1.0)
    amounts = (0.7 * outward_2 - 1.3 * moved_23[:, 1]) / 0.09
    right, left = (float(np.clip(amount, 0.0, 1.25)) for amount in amounts)
    return right, left
