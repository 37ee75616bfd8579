import numpy as np
import pytest

from afgen.clock import SAMPLE_RATE_HZ
from afgen.conditions.logmel import LogMelFeatures
from afgen.evaluate.drift import DriftPart, measure_drift
from afgen.generator.config import portrait
from afgen.generator.stream import MotionSampler
from afgen.generator.weights import untrained_generator

pytestmark = pytest.mark.slow

CONFIG = portrait(width=32, depth=1, heads=2)
VOICES = np.random.default_rng(0).normal(0, 0.05, (2, 2 * SAMPLE_RATE_HZ)).astype(np.float32)


def measured(anchor: float, avatar_S: np.ndarray | None = VOICES[0]) -> list[DriftPart]:
    sampler = MotionSampler(untrained_generator(CONFIG), nfe=3, anchor=anchor)
    return measure_drift(
        sampler,
        LogMelFeatures(),
        avatar_S,
        VOICES[1],
        np.ones(CONFIG.motion_dim, np.float32),
        minutes=0.6,
        parts=3,
    )


def test_an_untrained_generator_keeps_a_state_of_constant_size() -> None:
    parts = measured(0.0)
    assert [part.until_min for part in parts] == [0.2, 0.4, 0.6]
    assert parts[0].moved == 0.0
    assert parts[0].off_reference > 0.1
    assert len({part.state_mb for part in parts}) == 1
    assert all(part.face is not None for part in parts)


def test_an_anchor_holds_motion_nearer_to_the_reference() -> None:
    free, held = measured(0.0), measured(0.3)
    for one, other in zip(free, held, strict=True):
        assert other.off_reference < one.off_reference


def test_a_listener_hears_silence_on_its_own_side() -> None:
    silence = np.zeros(SAMPLE_RATE_HZ, np.float32)
    assert measured(0.0, None)[2].moved == measured(0.0, silence)[2].moved
    assert measured(0.0, None)[2].moved != measured(0.0)[2].moved
