import numpy as np
import torch

from afgen.clock import SAMPLE_RATE_HZ
from afgen.evaluate.drift import PARTS, measure_drift
from afgen.generator.config import portrait
from afgen.generator.model import MotionGenerator
from afgen.generator.stream import MotionSampler


def test_an_untrained_generator_keeps_a_state_of_constant_size() -> None:
    torch.manual_seed(0)
    sampler = MotionSampler(MotionGenerator(portrait(width=32, depth=1, heads=2)).eval(), nfe=3)
    noise = np.random.default_rng(0).normal(0, 0.05, (2, 2 * SAMPLE_RATE_HZ)).astype(np.float32)
    parts = measure_drift(sampler, noise[0], noise[1], minutes=0.6)
    assert len(parts) == PARTS
    assert parts[0].moved == 0.0
    assert parts[-1].until_min == 0.6
    assert len({part.state_mb for part in parts[1:]}) == 1
