"""What a face can do, authored: each action is a displacement of the mean shape.

The set follows the Facial Action Coding System (Ekman, Friesen & Hager 2002); the unit of each
action is named with it. Amount 1 is the action done fully, and amounts add up. Only the jaw is
taken from recordings (`jaw_N3`, mean displacement per unit of mouth opening); all others are smooth
fields drawn on the mean shape, symmetric by construction. The rigid points stay where they are.

`Controls` puts actions and head turns together into a motion, for scripts, tests and demos.

Displacements are in face widths: x right of the picture, y down, z away from the camera.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from afgen.autoencoder.mesh.basis import load_basis
from afgen.autoencoder.mesh.motion import POSE_SCALES, join_motion
from afgen.autoencoder.mesh.topology import (
    CHIN,
    EYES,
    INNER_CORNERS,
    LEFT_BROW,
    LEFT_EYE,
    LOWER_LIP_INNER,
    LOWER_LIP_OUTER,
    MOUTH_CORNERS,
    RIGHT_BROW,
    RIGHT_EYE,
    RIGID,
    UPPER_LIP_INNER,
    UPPER_LIP_OUTER,
    EyePoints,
)
from afgen.errors import OptionError
from afgen.signals import Floats

Array = NDArray[np.float64]

_LIPS: Final = np.concatenate(
    [UPPER_LIP_INNER, LOWER_LIP_INNER, UPPER_LIP_OUTER, LOWER_LIP_OUTER]
).tolist()
_BROWS: Final = np.concatenate([RIGHT_BROW, LEFT_BROW]).tolist()
_INNER_BROWS: Final = [55, 107, 285, 336, 9]
_CHEEKS: Final = [50, 101, 205, 36, 280, 330, 425, 266]
_APPLES: Final = [50, 101, 118, 117, 280, 330, 347, 346]  # cheeks right under the eyes
_NOSE_WINGS: Final = [48, 64, 98, 278, 294, 327]
_CHIN_BOSS: Final = [200, 199, 175, 201, 421, 18]

_FULL_JAW_OPENING = 0.5  # opening over mouth width when the jaw is fully open
_LID_SHARE = 0.88  # of a closing eye's gap that the upper lid covers


@dataclass(frozen=True)
class _Face:
    """The mean shape with the measures that the fields are drawn by."""

    mean_N3: Array
    jaw_N3: Array

    @property
    def x(self) -> Array:
        return self.mean_N3[:, 0]

    @cached_property
    def outward(self) -> Array:
        """-1 on the person's right, 1 on the left, smooth through the middle (N,)."""
        return np.clip(self.x / 0.06, -1.0, 1.0)

    @cached_property
    def across(self) -> Array:
        """|x| as a part of the half width of the mouth (N,)."""
        half = self.mean_N3[INNER_CORNERS[1], 0]
        across: Array = np.abs(self.x) / half
        return across

    @cached_property
    def middle(self) -> Array:
        """1 in the middle of the mouth, 0 from its corners on (N,)."""
        return np.clip(1.0 - self.across**2, 0.0, 1.0)

    @cached_property
    def below_line(self) -> Array:
        """Height below the line on which the lips meet (N,), < 0 above it."""
        line_K3 = (self.mean_N3[UPPER_LIP_INNER] + self.mean_N3[LOWER_LIP_INNER]) / 2
        height: Array = self.mean_N3[:, 1] - np.interp(self.x, line_K3[:, 0], line_K3[:, 1])
        height[UPPER_LIP_INNER[1:-1]] = np.minimum(height[UPPER_LIP_INNER[1:-1]], -1e-4)
        height[LOWER_LIP_INNER[1:-1]] = np.maximum(height[LOWER_LIP_INNER[1:-1]], 1e-4)
        return height

    def near(self, landmarks: list[int], radius: float) -> Array:
        """1 at the landmarks, smoothly 0 at `radius` from the nearest of them (N,)."""
        gaps_NK2 = self.mean_N3[:, None, :2] - self.mean_N3[None, landmarks, :2]
        t = np.clip(np.linalg.norm(gaps_NK2, axis=2).min(1) / radius, 0.0, 1.0)
        return _fade(t)


def _fade(t: Array) -> Array:
    """1 at 0, 0 at 1, level at both ends."""
    return 1.0 - t * t * (3.0 - 2.0 * t)


def _field(dx: Array | float = 0.0, dy: Array | float = 0.0, dz: Array | float = 0.0) -> Array:
    field_N3: Array = np.stack(np.broadcast_arrays(dx, dy, dz), axis=-1).astype(np.float64)
    return field_N3


def _jaw_open(face: _Face) -> Array:
    """AU 26/27: jaw drops; lips as recorded, the chin as far as a turning jaw takes it."""
    lips_N3 = _FULL_JAW_OPENING * face.jaw_N3
    jaw = np.clip(face.below_line / 0.2, 0.0, 1.0) * face.near([CHIN, *_CHIN_BOSS, 176, 400], 0.4)
    return lips_N3 + _field(dy=0.05 * jaw, dz=0.015 * jaw)


def _lips_part(face: _Face) -> Array:
    """AU 25: lips open without the jaw."""
    fall = face.near(_LIPS, 0.1) * face.middle
    below = face.below_line > 0
    return _field(dy=np.where(below, 0.022, -0.010) * fall, dz=-0.004 * fall)


def _lip_pucker(face: _Face) -> Array:
    """AU 18: corners come in, lips forward and fuller."""
    wide, lips = face.near(_LIPS, 0.16), face.near(_LIPS, 0.09)
    fuller = 0.25 * face.below_line * lips * np.clip(1.2 - face.across, 0.0, 1.0)
    return _field(dx=-0.40 * face.x * wide, dy=fuller, dz=-0.055 * wide)


def _lip_stretch(face: _Face) -> Array:
    """AU 20: corners go straight out, lips thin."""
    wide, lips = face.near(_LIPS, 0.2), face.near(_LIPS, 0.07)
    out = 0.045 * np.clip(face.across, 0.0, 1.0) * np.sign(face.x)
    return _field(dx=out * wide, dy=-0.18 * face.below_line * lips, dz=0.014 * face.across * lips)


def _lip_press(face: _Face) -> Array:
    """AU 24: lips pressed together and thin, chin slightly raised."""
    lips = face.near(_LIPS, 0.06)
    chin = face.near(_CHIN_BOSS, 0.12) * (1 - lips)
    return _field(dy=-0.5 * face.below_line * lips - 0.006 * chin, dz=0.010 * lips)


def _smile(face: _Face) -> Array:
    """AU 12 + 6: corners up, out and back, cheeks raised, lower lids slightly up."""
    pull = np.clip(face.across, 0.0, 1.0)
    corners = face.near(MOUTH_CORNERS.tolist(), 0.19)
    lips = face.near(_LIPS, 0.09)
    drawn = np.maximum(corners * np.clip(pull, 0.5, 1.0), lips * pull)
    lifted = np.maximum(corners * np.clip(pull, 0.5, 1.0), lips * pull**2)
    thin = -0.20 * face.below_line * lips * face.middle
    cheeks = face.near(_CHEEKS, 0.15)
    return (
        _field(0.046 * face.outward * drawn, -0.036 * lifted + thin, 0.022 * drawn)
        + _field(0.010 * face.outward * cheeks, -0.024 * cheeks, -0.012 * cheeks)
        + 0.25 * _lower_lids_up(face)
    )


def _frown(face: _Face) -> Array:
    """AU 15 + 17: corners down, chin and lower lip raised in the middle."""
    corners = face.near(MOUTH_CORNERS.tolist(), 0.14)
    chin = face.near(_CHIN_BOSS, 0.14) * np.clip(face.below_line / 0.05, 0.0, 1.0)
    return _field(0.008 * face.outward * corners, 0.034 * corners - 0.012 * chin, -0.006 * chin)


def _brow_raise(face: _Face) -> Array:
    """AU 1 + 2: both brows up, upper lids slightly."""
    brows = face.near(_BROWS, 0.12) * np.clip((0.0 - face.mean_N3[:, 1]) / 0.03, 0.0, 1.0)
    return _field(dy=-0.045 * brows) + 0.12 * _upper_lids_up(face)


def _brow_lower(face: _Face) -> Array:
    """AU 4: brows down and together, lids slightly narrower."""
    brows = face.near(_BROWS, 0.10)
    inner = face.near(_INNER_BROWS, 0.12)
    return _field(
        -0.016 * face.outward * inner, 0.016 * brows + 0.010 * inner, -0.004 * inner
    ) - 0.15 * _upper_lids_up(face)


def _close(face: _Face, eye: EyePoints) -> Array:
    """The lids of one eye meet: the upper one comes down, the lower one up a little."""
    gap_K3 = face.mean_N3[eye.lower] - face.mean_N3[eye.upper]
    field_N3 = _follow_lid(face, eye, eye.upper, _LID_SHARE * gap_K3, above=True)
    return field_N3 + _follow_lid(face, eye, eye.lower, -(1 - _LID_SHARE) * gap_K3, above=False)


def _blink_right(face: _Face) -> Array:
    """AU 45 of the right eye."""
    return _close(face, RIGHT_EYE)


def _blink_left(face: _Face) -> Array:
    """AU 45 of the left eye."""
    return _close(face, LEFT_EYE)


def _squint(face: _Face) -> Array:
    """AU 7: both lids narrow the eye, the lower one more."""
    return _lower_lids_up(face) - 0.35 * _upper_lids_up(face)


def _wide(face: _Face) -> Array:
    """AU 5: upper lids up, lower lids slightly down."""
    return 0.8 * _upper_lids_up(face) - 0.15 * _lower_lids_up(face)


def _gaze_x(face: _Face) -> Array:
    """Both eyes look towards the right of the picture."""
    return _iris_shift(face, 0.038, 0.0)


def _gaze_y(face: _Face) -> Array:
    """Both eyes look down; the upper lids follow."""
    return _iris_shift(face, 0.0, 0.020) - 0.8 * _upper_lids_up(face)


def _cheek_raise(face: _Face) -> Array:
    """AU 6: cheeks pushed up under the eyes, lower lids with them."""
    apples = face.near(_APPLES, 0.11)
    return _field(0.004 * face.outward * apples, -0.026 * apples, -0.010 * apples) + (
        0.6 * _lower_lids_up(face)
    )


def _sneer(face: _Face) -> Array:
    """AU 9 + 10: wings of the nose and the upper lip up, inner brows down."""
    wings = face.near(_NOSE_WINGS, 0.08)
    lip = face.near(UPPER_LIP_OUTER.tolist(), 0.07) * (face.below_line < 0) * face.middle
    inner = face.near(_INNER_BROWS, 0.08)
    return _field(0.004 * face.outward * wings, -0.018 * wings - 0.020 * lip + 0.010 * inner)


def _upper_lids_up(face: _Face) -> Array:
    """Upper lids raised by a third of the mean opening."""
    gaps = [(eye, (face.mean_N3[eye.upper] - face.mean_N3[eye.lower]) / 3) for eye in EYES]
    return sum(
        (_follow_lid(face, eye, eye.upper, gap, above=True) for eye, gap in gaps), np.zeros(())
    )


def _lower_lids_up(face: _Face) -> Array:
    """Lower lids raised by a third of the mean opening."""
    gaps = [(eye, (face.mean_N3[eye.upper] - face.mean_N3[eye.lower]) / 3) for eye in EYES]
    return sum(
        (_follow_lid(face, eye, eye.lower, gap, above=False) for eye, gap in gaps), np.zeros(())
    )


def _follow_lid(
    face: _Face, eye: EyePoints, lid_K: NDArray[np.intp], shift_K3: Array, *, above: bool
) -> Array:
    """Move a lid by `shift_K3` and let the skin on its far side follow, ever less (N, 3)."""
    order = np.argsort(face.mean_N3[lid_K, 0])
    lid_x, lid_y = face.mean_N3[lid_K[order], :2].T
    beyond = face.mean_N3[:, 1] - np.interp(face.x, lid_x, lid_y)
    beyond = -beyond if above else beyond
    along = (face.x >= lid_x[0]) & (face.x <= lid_x[-1])
    weight = _fade(np.clip(beyond / 0.07, 0.0, 1.0)) * (beyond >= -1e-9) * along
    weight[np.setdiff1d(eye.loop, lid_K)] = 0.0
    weight[list(eye.iris)] = 0.0
    moved = [np.interp(face.x, lid_x, shift_K3[order, axis]) for axis in range(3)]
    field_N3: Array = np.stack(moved, axis=-1) * weight[:, None]
    field_N3[lid_K] = shift_K3
    return field_N3


def _iris_shift(face: _Face, dx: float, dy: float) -> Array:
    field_N3 = np.zeros_like(face.mean_N3)
    for eye in EYES:
        field_N3[eye.iris] = (dx, dy, 0.0)
    return field_N3


_AUTHORED: Final[dict[str, Callable[[_Face], Array]]] = {
    "jaw_open": _jaw_open,
    "lips_part": _lips_part,
    "lip_pucker": _lip_pucker,
    "lip_stretch": _lip_stretch,
    "lip_press": _lip_press,
    "smile": _smile,
    "frown": _frown,
    "brow_raise": _brow_raise,
    "brow_lower": _brow_lower,
    "blink_right": _blink_right,
    "blink_left": _blink_left,
    "squint": _squint,
    "wide": _wide,
    "gaze_x": _gaze_x,
    "gaze_y": _gaze_y,
    "cheek_raise": _cheek_raise,
    "sneer": _sneer,
}
ACTIONS: Final = tuple(_AUTHORED)


def author_actions(mean_N3: Array, jaw_N3: Array) -> dict[str, Array]:
    """All actions as displacements (N, 3) of `mean_N3`, by name, each at amount 1."""
    face = _Face(np.asarray(mean_N3, np.float64), np.asarray(jaw_N3, np.float64))
    free_N1 = _free_of_pose(face)[:, None]
    return {name: draw(face) * free_N1 for name, draw in _AUTHORED.items()}


def _free_of_pose(face: _Face) -> Array:
    """0 at the rigid points and fading in around them, but for the lids next to an eye's corner."""
    corners = [corner for eye in EYES for corner in (eye.outer_corner, eye.inner_corner)]
    free_N = 1.0 - face.near([i for i in RIGID.tolist() if i not in corners], 0.03)
    free_N[corners] = 0.0
    return free_N


@cache
def _action_coefficients() -> dict[str, Array]:
    """Each action's coefficients (K,) on the stored basis."""
    basis = load_basis()
    actions = author_actions(basis.mean_N3, basis.jaw_N3)
    return {name: basis.coefficients(action_N3) for name, action_N3 in actions.items()}


@dataclass(frozen=True, slots=True)
class Controls:
    """Scripted motion of one frame.

    `amounts` maps names of `ACTIONS` to how much of each (0 none, 1 fully; gaze from -1 to 1).
    Angles are in degrees with the signs of `pose`, shifts in face widths, `zoom` is a factor.
    """

    amounts: Mapping[str, float] = field(default_factory=dict)
    pitch_deg: float = 0.0
    yaw_deg: float = 0.0
    roll_deg: float = 0.0
    zoom: float = 1.0
    shift_x: float = 0.0
    shift_y: float = 0.0

    def motion(self) -> Floats:
        """The motion (D,) on the stored basis. Raises OptionError for an unknown action."""
        unknown = sorted(set(self.amounts) - set(ACTIONS))
        if unknown:
            raise OptionError(f"unknown facial actions: {', '.join(unknown)}")
        coefficients = _action_coefficients()
        expression_K = sum(
            (amount * coefficients[name] for name, amount in self.amounts.items()),
            np.zeros_like(coefficients[ACTIONS[0]]),
        )
        angles_3 = np.radians([self.pitch_deg, self.yaw_deg, self.roll_deg])
        pose_6 = np.array([*angles_3, np.log(self.zoom), self.shift_x, self.shift_y]) / POSE_SCALES
        return join_motion(pose_6, expression_K).astype(np.float32)
