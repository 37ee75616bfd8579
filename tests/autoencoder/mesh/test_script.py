import numpy as np
import pytest

from afgen.autoencoder.mesh.actions import Controls
from afgen.autoencoder.mesh.script import REVIEW, act, play
from afgen.errors import OptionError


def test_a_script_passes_through_its_keys_and_holds_its_length() -> None:
    blink = act(blink=1.0)
    motion_TD = play([(0.0, act()), (1.0, blink), (2.0, act(yaw=5))])
    assert motion_TD.shape[0] == 50
    assert np.allclose(motion_TD[0], 0)
    assert np.allclose(motion_TD[25], blink.motion(), atol=1e-5)
    steps = np.abs(np.diff(motion_TD, axis=0)).max(1)
    assert steps.max() < 0.2 * np.abs(blink.motion()).max()


def test_blink_is_both_eyes() -> None:
    assert act(blink=0.7).amounts == {"blink_right": 0.7, "blink_left": 0.7}


def test_a_turning_head_turns_about_its_neck() -> None:
    assert act(roll=10).shift_x > 0.05  # the face's middle swings to the side
    assert act(pitch=10).shift_y > 0.02  # and drops when nodding
    assert (act().shift_x, act().shift_y) == pytest.approx((0, 0))


def test_an_unknown_action_is_an_option_error() -> None:
    with pytest.raises(OptionError):
        play([(0.0, act()), (1.0, act(wag_tail=1.0))])


def test_the_review_has_distinct_names_and_motions() -> None:
    names = [name for name, _ in REVIEW]
    assert len(set(names)) == len(names)
    rows = np.stack([controls.motion() for _, controls in REVIEW])
    assert all(isinstance(controls, Controls) for _, controls in REVIEW)
    assert len(np.unique(rows.round(4), axis=0)) == len(rows)
