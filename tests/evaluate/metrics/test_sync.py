import numpy as np
import pytest
import torch

from afgen.evaluate.metrics.sync import SHIFTS, level_db, sync_of, syncnet_score
from afgen.signals import Floats


def course(frames: int = 90, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=frames).astype(np.float32)


def test_the_same_course_is_in_time() -> None:
    assert sync_of(course(), course()).correlation == pytest.approx(1)
    assert sync_of(course(), course()).lag_frames == 0


@pytest.mark.parametrize("late", [-3, 1, 2])
def test_a_delay_is_told(late: int) -> None:
    found = sync_of(np.roll(course(), late), course())
    assert found.lag_frames == late
    assert (found.correlation > 0.9) == (abs(late) <= 1)


def test_level_of_a_sine_is_known_and_silence_has_a_floor() -> None:
    seconds = np.arange(16000) / 16000
    sine_S = (32767 * 0.5 * np.sin(2 * np.pi * 200 * seconds)).astype(np.int16)
    level_T = level_db(sine_S, 30)
    assert level_T[:25] == pytest.approx(np.full(25, 10 * np.log10(0.125)), abs=0.05)
    assert level_T[25:] == pytest.approx(np.full(5, -60), abs=1e-3)


def embeddings(offset: int) -> tuple[Floats, Floats]:
    """Sound like the picture `offset` frames later."""
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(80, 16)).astype(np.float32)
    return rows[20:60], rows[20 - offset : 60 - offset]


@pytest.mark.parametrize("offset", [0, 4, -6])
def test_the_shift_at_which_sound_and_picture_agree_is_found(offset: int) -> None:
    video_TE, audio_TE = embeddings(offset)
    score = syncnet_score(video_TE, audio_TE)
    assert score.offset_frames == -offset
    assert score.confidence > 2
    if not offset:
        assert score.distance == pytest.approx(16**0.5 * 1e-6, rel=1e-3)


def test_distances_are_torchs_pairwise_ones() -> None:
    video_TE, audio_TE = embeddings(3)
    padded = torch.nn.functional.pad(torch.from_numpy(audio_TE), (0, 0, SHIFTS, SHIFTS))
    mean_L = torch.stack(
        [
            torch.nn.functional.pairwise_distance(
                torch.from_numpy(video_TE), padded[at : at + len(video_TE)]
            ).mean()
            for at in range(2 * SHIFTS + 1)
        ]
    )
    score = syncnet_score(video_TE, audio_TE)
    assert score.distance == pytest.approx(float(mean_L.min()), rel=1e-5)
    assert score.confidence == pytest.approx(float(mean_L.median() - mean_L.min()), rel=1e-5)


def test_without_a_link_there_is_no_confidence() -> None:
    rng = np.random.default_rng(2)
    score = syncnet_score(rng.normal(size=(300, 16)), rng.normal(size=(300, 16)))
    assert score.confidence < 0.3


def test_embeddings_must_fit() -> None:
    with pytest.raises(ValueError, match="shapes"):
        syncnet_score(np.zeros((3, 4), np.float32), np.zeros((2, 4), np.float32))
