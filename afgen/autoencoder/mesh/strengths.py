"""Stronger or weaker performances: head motion, expression and blinks scaled each on its own."""

import numpy as np

from afgen.autoencoder.mesh.actions import Controls
from afgen.autoencoder.mesh.motion import EXPRESSION, POSE
from afgen.signals import Floats


def restyle(
    motion_TD: Floats, reference_D: Floats, *, head: float, expression: float, blink: float
) -> Floats:
    """Motion (T, D) with its parts scaled; strengths of 1 leave it as it is, bit for bit.

    Expression is scaled as a distance from the portrait's own, blinks by the share of closing lids
    in it, so that a weak expression can still close its eyes.
    """
    if head == expression == blink == 1.0:
        return motion_TD
    closing_D = Controls({"blink_left": 1.0, "blink_right": 1.0}).motion()
    along_T1 = motion_TD @ closing_D[:, None] / (closing_D @ closing_D)
    blink_TD = np.clip(along_T1, 0.0, 1.2) * closing_D
    rest_TD = motion_TD - blink_TD
    styled_TD = rest_TD.copy()
    styled_TD[:, POSE] *= head
    distance_TK = rest_TD[:, EXPRESSION] - reference_D[EXPRESSION]
    styled_TD[:, EXPRESSION] = reference_D[EXPRESSION] + expression * distance_TK
    louder_TD: Floats = (styled_TD + blink * blink_TD).astype(np.float32)
    return louder_TD
