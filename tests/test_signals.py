import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from afgen.signals import to_samples, to_sound

LEVELS = st.lists(st.floats(-1.0, 1.0, width=32), min_size=1, max_size=50)


@given(LEVELS)
def test_sound_is_kept_to_half_a_step(levels: list[float]) -> None:
    sound = np.array(levels, np.float32)
    kept = to_sound(to_samples(sound))
    assert np.abs(kept - np.clip(sound, -1, 1 - 2**-15)).max() <= 2**-16


def test_too_loud_sound_is_clipped_and_does_not_turn_over() -> None:
    np.testing.assert_array_equal(to_samples(np.array([2.0, -2.0], np.float32)), [32767, -32768])
