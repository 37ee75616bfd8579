"""Counted work against work counted by hand."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from afgen.autoencoder.lia.config import LiaConfig
from afgen.evaluate.speed.autoencoder import decoding_work
from afgen.evaluate.speed.generator import block_work
from afgen.evaluate.speed.roofline import Machine, Work, count_work
from afgen.generator.config import full, portrait, with_first_window


def test_a_product_is_counted_with_what_it_reads_and_writes() -> None:
    layer, x = nn.Linear(20, 30), torch.zeros(7, 20)
    with torch.no_grad():
        work = count_work(lambda: F.gelu(layer(x)))
    assert work.flops == 2 * 7 * 20 * 30
    assert work.bytes == 4 * (7 * 20 + 20 * 30 + 30 + 7 * 30)


def test_layers_without_products_cost_nothing() -> None:
    x = torch.zeros(7, 20)
    assert count_work(lambda: F.silu(x) + x) == Work(0.0, 0.0)


def test_the_slower_of_arithmetic_and_traffic_counts() -> None:
    machine = Machine(flops_per_s=100.0, bytes_per_s=10.0)
    assert machine.least_s(Work(flops=1000.0, bytes=10.0)) == 10.0
    assert machine.least_s(Work(flops=10.0, bytes=1000.0)) == 100.0


def test_a_block_of_the_full_generator_is_nine_passes_over_its_weights() -> None:
    """113 million weights of the blocks, 36 rows: three guidance rows of 2 clean and 10 new."""
    work = block_work(full(), 1, 10, torch.float32)
    assert work.flops == pytest.approx(9 * 36 * 2 * 113e6, rel=0.1)
    assert work.bytes == pytest.approx(9 * 4 * 113e6, rel=0.25)


def test_the_work_of_later_blocks_does_not_depend_on_the_first_window() -> None:
    short = portrait(width=64, depth=1, heads=2)
    long = with_first_window(short, 50)
    assert block_work(long, 1, 4, torch.float32) == block_work(short, 1, 4, torch.float32)


def test_rows_share_the_reading_of_weights_and_halves_are_half_as_long() -> None:
    config = portrait(width=512, depth=1, heads=8)
    one = block_work(config, 1, 4, torch.float32)
    four = block_work(config, 4, 4, torch.float32)
    assert four.flops == pytest.approx(4 * one.flops, rel=0.05)
    assert four.bytes < 2 * one.bytes
    assert block_work(config, 1, 4, torch.bfloat16).bytes < 0.7 * one.bytes


def test_drawing_costs_more_the_larger_the_picture() -> None:
    small, large = (decoding_work(LiaConfig(size=size)) for size in (64, 128))
    assert large.flops > 1.3 * small.flops
