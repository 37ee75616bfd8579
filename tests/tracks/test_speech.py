"""Speech activity: finds voices, not noise; causal; the same in chunks as whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afgen.clock import SAMPLES_PER_FRAME
from afgen.tracks.speech import detect_speech, segments
from tests.tracks.scenes import gated, hiss, turns, voice

PLAN = turns((0.5, 2.0), (3.5, 5.0), duration_s=6)


@pytest.mark.parametrize("pitch_hz", [90, 130, 220, 330])
@pytest.mark.parametrize("level", [0.02, 0.2])
def test_turns_are_found(pitch_hz: float, level: float) -> None:
    audio = gated(voice(6, pitch_hz, level=level), PLAN) + hiss(6, 3e-4)
    speech, _ = detect_speech(audio)
    (first, end), (second, last) = segments(speech.active_T)
    assert abs(first - 12) <= 4 and 46 <= end <= 58
    assert abs(second - 87) <= 4 and 121 <= last <= 133


@pytest.mark.parametrize("level", [1e-5, 1e-3, 1e-1])
def test_noise_is_no_speech(level: float) -> None:
    speech, _ = detect_speech(hiss(8, level))
    assert speech.active_T.mean() < 0.02


def test_silence_is_no_speech() -> None:
    speech, _ = detect_speech(np.zeros(16_000, np.float32))
    assert len(speech.active_T) == 25
    assert not speech.active_T.any()


def test_a_far_too_quiet_copy_of_a_voice_is_no_speech() -> None:
    """What leaks into the other channel at -60 dB."""
    speech, _ = detect_speech(0.001 * voice(4, 120))
    assert not speech.active_T.any()


def test_speech_is_heard_over_a_steady_noise() -> None:
    speech, _ = detect_speech(gated(voice(6, 120), PLAN) + hiss(6, 0.01))
    assert speech.active_T[PLAN].mean() > 0.8
    assert speech.active_T[~PLAN].mean() < 0.3  # mostly hangover, longer under noise


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=6), st.integers(0, 3))
def test_chunks_give_what_the_whole_gives(cuts: list[int], seed: int) -> None:
    audio = gated(voice(3, 140), turns((0.4, 1.6), (2.0, 2.6), duration_s=3)) + hiss(3, 1e-3, seed)
    whole, _ = detect_speech(audio)
    state, first, parts = None, 0, []
    for cut in [*sorted(cuts), 75]:
        chunk = audio[first * SAMPLES_PER_FRAME : cut * SAMPLES_PER_FRAME]
        part, state = detect_speech(chunk, state)
        parts.append(part.active_T)
        first = max(first, cut)
    np.testing.assert_array_equal(np.concatenate(parts), whole.active_T)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 74), st.integers(0, 3))
def test_the_future_does_not_change_the_past(frame: int, seed: int) -> None:
    audio = gated(voice(3, 140), turns((0.4, 1.6), duration_s=3))
    changed = audio.copy()
    changed[frame * SAMPLES_PER_FRAME :] = hiss(3, 0.3, seed)[frame * SAMPLES_PER_FRAME :]
    one, _ = detect_speech(audio)
    other, _ = detect_speech(changed)
    np.testing.assert_array_equal(one.active_T[:frame], other.active_T[:frame])


def test_segments_are_the_runs() -> None:
    flags = np.array([1, 1, 0, 0, 1, 0, 1], bool)
    assert segments(flags) == [(0, 2), (4, 5), (6, 7)]
    assert segments(np.zeros(0, bool)) == []
