import pytest
from hypothesis import given
from hypothesis import strategies as st

from afgen import clock


def test_rates_divide_exactly() -> None:
    assert clock.SAMPLES_PER_FRAME == 640
    assert clock.SAMPLES_PER_BLOCK == 6400


@given(st.integers(0, 10_000_000))
def test_frames_and_seconds_are_inverse(frame: int) -> None:
    assert clock.frames_in(clock.seconds_at(frame)) == frame


@given(st.integers(0, 100_000), st.integers(1, 100))
def test_blocks_cover_all_frames_and_no_block_is_empty(frames: int, block: int) -> None:
    blocks = clock.blocks_in(frames, block)
    assert blocks * block >= frames
    assert frames == 0 or (blocks - 1) * block < frames


def test_an_inexact_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="not a multiple"):
        clock._exact(16_000, 30)
