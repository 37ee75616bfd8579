"""Scripted control: motion written by hand, for demonstrations, tests and looking at a portrait."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import Final

import numpy as np

from afgen.autoencoder.mesh.actions import ACTIONS, author_actions
from afgen.autoencoder.mesh.basis import MotionBasis
from afgen.autoencoder.mesh.curves import Array, smooth_step
from afgen.autoencoder.mesh.motion import POSE_SCALES, join_motion
from afgen.autoencoder.mesh.pose import euler_to_rotation
from afgen.clock import FRAME_RATE_HZ
from afgen.errors import OptionError
from afgen.signals import Floats

NECK_3: Final = np.array([0.0, 1.0, 0.6])  # where a head turns, in face widths from its middle
_NOTHING: Final[Mapping[str, float]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Controls:
    """What a face does at one moment. Angles in degrees, actions as in `actions.ACTIONS`."""

    pitch: float = 0.0
    yaw: float = 0.0
    roll: float = 0.0
    actions: Mapping[str, float] = field(default=_NOTHING)


def act(*, pitch: float = 0.0, yaw: float = 0.0, roll: float = 0.0, **actions: float) -> Controls:
    """Controls from keywords: act(yaw=8, smile=0.5, blink=1). `blink` closes both eyes.

    Raises OptionError for an unknown action.
    """
    if "blink" in actions:
        both = actions.pop("blink")
        actions = {"blink_right": both, "blink_left": both, **actions}
    unknown = sorted(set(actions) - set(ACTIONS))
    if unknown:
        raise OptionError(f"unknown action {unknown[0]}", hint=f"Actions: {', '.join(ACTIONS)}.")
    return Controls(pitch, yaw, roll, MappingProxyType(actions))


class Script:
    """Turns controls into motion on a basis."""

    def __init__(self, basis: MotionBasis) -> None:
        fields = author_actions(basis.mean_N3, basis.jaw_N3)
        self._coefficients = {
            name: basis.coefficients(field_N3) for name, field_N3 in fields.items()
        }
        self._still: Array = np.zeros_like(next(iter(self._coefficients.values())))

    def motion(self, controls: Controls) -> Floats:
        """Motion (D,) of one moment; the head turns about its neck."""
        angles_3 = np.radians([controls.pitch, controls.yaw, controls.roll])
        shift_3 = NECK_3 - euler_to_rotation(angles_3) @ NECK_3
        pose_6 = np.concatenate([angles_3, [0.0], shift_3[:2]]) / POSE_SCALES
        coefficients_K = sum(
            (amount * self._coefficients[name] for name, amount in controls.actions.items()),
            self._still,
        )
        return join_motion(pose_6, coefficients_K).astype(np.float32)

    def play(self, keys: Sequence[tuple[float, Controls]]) -> Floats:
        """Motion (T, D) that passes smoothly through controls at times in seconds.

        Times grow; the first is usually 0, and the last ends the clip.
        """
        frames = max(1, round(keys[-1][0] * FRAME_RATE_HZ))
        times_T = np.arange(frames) / FRAME_RATE_HZ
        rows_KD = [self.motion(controls) for _, controls in keys]
        motion_TD = np.repeat(rows_KD[0][None], frames, axis=0)
        for (start, before), (end, after) in pairwise(
            (time, row) for (time, _), row in zip(keys, rows_KD, strict=True)
        ):
            share_T1 = smooth_step(start, end, times_T)[:, None]
            within_T = (times_T >= start) & (times_T <= end)
            motion_TD[within_T] = (before + (after - before) * share_T1)[within_T]
        return motion_TD.astype(np.float32)


# One of everything, to look a portrait over.
REVIEW: Final[tuple[tuple[str, Controls], ...]] = (
    ("rest", act()),
    ("half blink", act(blink=0.5)),
    ("blink", act(blink=1.0)),
    ("look left", act(gaze_x=-1.0)),
    ("look right", act(gaze_x=1.0)),
    ("look down", act(gaze_y=1.0)),
    ("brows", act(brow_raise=1.0)),
    ("lips part", act(jaw_open=0.15)),
    ("e", act(jaw_open=0.25, lip_stretch=0.6)),
    ("a", act(jaw_open=0.55)),
    ("o", act(jaw_open=0.4, lip_pucker=0.7)),
    ("u", act(jaw_open=0.15, lip_pucker=1.0)),
    ("wide open", act(jaw_open=1.0)),
    ("m", act(lip_press=0.8)),
    ("smile", act(smile=1.0)),
    ("laugh", act(smile=0.8, jaw_open=0.35)),
    ("turn left", act(yaw=-14.0)),
    ("turn right", act(yaw=14.0)),
    ("up", act(pitch=-12.0)),
    ("down", act(pitch=12.0)),
    ("tilt", act(roll=12.0)),
)
