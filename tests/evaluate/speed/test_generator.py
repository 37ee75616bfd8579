"""The bench of the generator: what it reports belongs together."""

import pytest
import torch

from afgen.evaluate.speed.generator import bench_generator, generator_targets
from afgen.generator.block import draw_block
from afgen.generator.config import portrait
from afgen.generator.weights import untrained_generator


def test_figures_belong_together() -> None:
    model = untrained_generator(portrait(width=32, depth=1, heads=2))
    one, two = (
        bench_generator(model, rows=rows, nfe=4, blocks=3, draw=draw_block) for rows in (1, 2)
    )
    for speed in (one, two):
        shares = speed.conditions_share, speed.denoising_share, speed.commit_share
        assert sum(shares) == pytest.approx(1)
        assert min(shares) >= 0
        assert speed.frames_per_s == pytest.approx(10 * speed.rows / speed.block_s)
        assert speed.realtime_factor == pytest.approx(speed.frames_per_s / 25)
        assert speed.roofline_s == pytest.approx(speed.machine.least_s(speed.work))
        assert min(speed.first_window_s, speed.peak_memory_mb, speed.work.flops) > 0
    assert two.work.flops == pytest.approx(2 * one.work.flops, rel=0.05)


def test_targets_are_met_or_missed_by_the_figures() -> None:
    model = untrained_generator(portrait(width=32, depth=1, heads=2))
    one = bench_generator(model, nfe=4, blocks=1, draw=draw_block)
    block, rows = generator_targets(one, one)
    assert block.met == (one.block_s <= 0.015)
    assert (rows.measured, rows.met) == ("1.0 x", False)


def test_untrained_weights_repeat_themselves() -> None:
    config = portrait(width=32, depth=1, heads=2)
    one, other = (untrained_generator(config).state_dict() for _ in range(2))
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    assert all(tensor.abs().sum() > 0 for tensor in one.values())
