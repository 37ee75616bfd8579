import numpy as np
import pytest

from afgen.clock import SAMPLE_RATE_HZ
from afgen.data.listeners import hear
from afgen.data.voices import (
    Voice,
    draw_room,
    draw_voice,
    hum,
    record,
    resample_rows,
    revoice,
    stretched,
    tones,
)
from tests.data.made import made_voice

VOICE_S = made_voice(75, [(10, 65)])


@pytest.mark.parametrize("warp", [0.76, 1.0, 1.3])
@pytest.mark.parametrize("speed", [0.85, 1.2])
def test_revoicing_moves_pitch_and_length_by_their_own_factors(warp: float, speed: float) -> None:
    changed_S = revoice(VOICE_S, Voice(speed=speed, warp=warp))
    assert len(changed_S) == round(len(VOICE_S) / speed)

    def pitch(sound_S: np.ndarray) -> float:
        pitch_T = hear(sound_S.astype(np.float32)).pitch_T
        return float(np.median(pitch_T[pitch_T > 0]))

    assert pitch(changed_S) / pitch(VOICE_S) == pytest.approx(warp, rel=0.06)


@pytest.mark.parametrize("warp", [0.76, 1.3])
def test_revoicing_leaves_the_sound_where_it_was(warp: float) -> None:
    changed = hear(revoice(VOICE_S, Voice(speed=1.0, warp=warp))).speech_T
    spoken = np.flatnonzero(changed)
    assert abs(int(spoken[0]) - 10) <= 1
    assert abs(int(spoken[-1]) - 68) <= 1  # four frames of hangover


def test_stretching_keeps_loudness_and_pitch() -> None:
    before, after = hear(VOICE_S), hear(stretched(VOICE_S, len(VOICE_S)))
    inside = slice(15, 60)
    assert np.abs(before.level_T - after.level_T)[inside].max() < 2
    assert np.median(after.pitch_T[inside]) == pytest.approx(
        np.median(before.pitch_T[inside]), 0.02
    )


def test_rows_are_read_between_frames() -> None:
    rows_TD = np.arange(11, dtype=np.float32)[:, None] * [1, -2]
    half = resample_rows(rows_TD.astype(np.float32), 0.5)
    assert half.shape == (21, 2)
    assert np.allclose(half[:, 0], np.arange(21) / 2)


def test_rooms_and_voices_are_functions_of_their_generator() -> None:
    def draw() -> np.ndarray:
        rng = np.random.default_rng(8)
        assert 0.76 <= draw_voice(rng).warp <= 1.3
        return record(VOICE_S, draw_room(rng), rng)

    assert np.array_equal(draw(), draw())


def test_every_room_gives_a_sound_within_range_of_the_same_length() -> None:
    rng = np.random.default_rng(0)
    for _ in range(12):
        heard_S = record(VOICE_S, draw_room(rng), rng)
        assert heard_S.shape == VOICE_S.shape
        assert heard_S.dtype == np.float32
        assert 1e-3 < np.abs(heard_S).max() <= 1


def test_hums_and_tones_are_finite_and_loud_enough() -> None:
    rng = np.random.default_rng(1)
    for sound_S in (hum(6000, 120, rng), tones(SAMPLE_RATE_HZ, rng)):
        assert np.isfinite(sound_S).all()
        assert sound_S.std() == pytest.approx(1, abs=0.35)
