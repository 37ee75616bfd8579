"""Scripted sequences of controls, for demonstrations, tests and looking a portrait over."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from afgen.autoencoder.mesh.actions import Controls
from afgen.autoencoder.mesh.curves import smooth_step
from afgen.autoencoder.mesh.pose import euler_to_rotation
from afgen.clock import FRAME_RATE_HZ
from afgen.signals import Floats

NECK_3: Final = np.array([0.0, 1.0, 0.6])  # where a head turns, in face widths from its middle


def act(*, pitch: float = 0.0, yaw: float = 0.0, roll: float = 0.0, **amounts: float) -> Controls:
    """Controls from keywords: act(yaw=8, smile=0.5, blink=1). The head turns about its neck.

    Angles in degrees; `blink` closes both eyes.
    """
    if "blink" in amounts:
        both = amounts.pop("blink")
        amounts = {"blink_right": both, "blink_left": both, **amounts}
    turn_33 = euler_to_rotation(np.radians([pitch, yaw, roll]))
    shift_3 = NECK_3 - turn_33 @ NECK_3
    return Controls(
        amounts,
        pitch_deg=pitch,
        yaw_deg=yaw,
        roll_deg=roll,
        shift_x=float(shift_3[0]),
        shift_y=float(shift_3[1]),
    )


def play(keys: Sequence[tuple[float, Controls]]) -> Floats:
    """Motion (T, D) that passes smoothly through controls at growing times in seconds.

    The first time is usually 0, and the last ends the clip. Raises OptionError for an unknown
    action.
    """
    frames = max(1, round(keys[-1][0] * FRAME_RATE_HZ))
    times_T = np.arange(frames) / FRAME_RATE_HZ
    rows = [(time, controls.motion()) for time, controls in keys]
    motion_TD = np.repeat(rows[0][1][None], frames, axis=0)
    for (start, before_D), (end, after_D) in pairwise(rows):
        within_T = (times_T >= start) & (times_T <= end)
        share_T1 = smooth_step(start, end, times_T[within_T])[:, None]
        motion_TD[within_T] = before_D + (after_D - before_D) * share_T1
    return motion_TD


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
