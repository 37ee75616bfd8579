import numpy as np

from afgen.autoencoder.mesh.actions import Controls
from afgen.autoencoder.mesh.motion import EXPRESSION, POSE
from afgen.autoencoder.mesh.strengths import restyle
from afgen.signals import Floats

BLINK = Controls({"blink_left": 1.0, "blink_right": 1.0}).motion()
SMILE = Controls({"smile": 1.0}, yaw_deg=6.0).motion()
REFERENCE = np.zeros_like(BLINK)


def styled(motion_D: Floats, *, head: float = 1, expression: float = 1, blink: float = 1) -> Floats:
    return restyle(motion_D[None], REFERENCE, head=head, expression=expression, blink=blink)[0]


def test_strength_one_changes_nothing() -> None:
    np.testing.assert_array_equal(styled(SMILE + BLINK), SMILE + BLINK)


def test_head_scales_the_pose_and_nothing_else() -> None:
    half = styled(SMILE, head=0.5)
    np.testing.assert_allclose(half[POSE], 0.5 * SMILE[POSE], atol=1e-5)
    np.testing.assert_allclose(half[EXPRESSION], SMILE[EXPRESSION], atol=1e-5)


def test_blinks_go_away_alone() -> None:
    np.testing.assert_allclose(styled(BLINK, blink=0.0), 0.0, atol=1e-5)


def test_without_expression_a_blink_stays() -> None:
    np.testing.assert_allclose(styled(BLINK, expression=0.0), BLINK, atol=1e-5)
