"""Recording and replaying, with a recorder that needs no GPU: it calls again into one result."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch

from afgen.generator.block import draw_block
from afgen.generator.stream import MotionSampler, stream
from afgen.nn.accelerate import MOST_RECORDINGS, Recorded, accelerated
from tests.generator.small import blocks, reference, small_model


class Pair(NamedTuple):
    one: torch.Tensor
    other: torch.Tensor | None


@dataclass(frozen=True)
class Bag:
    pair: Pair
    times: int


def scaled(bag: Bag, *, add: torch.Tensor) -> Bag:
    return Bag(Pair(bag.pair.one * bag.times + add, bag.pair.other), bag.times)


class Recorder:
    def __init__(self) -> None:
        self.recorded = 0

    def __call__(self, call: Callable) -> tuple:
        self.recorded += 1
        result = call()

        def replay() -> None:
            self._copied(call(), result)

        return result, replay

    def _copied(self, new: object, old: object) -> None:
        if isinstance(new, torch.Tensor):
            old.copy_(new)
        elif hasattr(new, "__dataclass_fields__"):
            for name in new.__dataclass_fields__:
                self._copied(getattr(new, name), getattr(old, name))
        elif isinstance(new, tuple):
            for a, b in zip(new, old, strict=True):
                self._copied(a, b)


def bag(value: float, rows: int = 2, times: int = 3) -> Bag:
    return Bag(Pair(torch.full((rows,), value), None), times)


def test_a_replay_gives_what_the_function_gives_and_keeps_earlier_results() -> None:
    recorder = Recorder()
    function = Recorded(scaled, recorder)
    first = function(bag(1.0), add=torch.ones(2))
    second = function(bag(2.0), add=torch.ones(2))
    assert first.pair.one.tolist() == [4.0, 4.0]
    assert second.pair.one.tolist() == [7.0, 7.0]
    assert second.pair.other is None
    assert recorder.recorded == 1


def test_other_shapes_and_other_plain_values_are_recorded_apart() -> None:
    recorder = Recorder()
    function = Recorded(scaled, recorder)
    function(bag(1.0), add=torch.ones(2))
    assert function(bag(1.0, rows=3), add=torch.ones(3)).pair.one.shape == (3,)
    assert function(bag(1.0, times=5), add=torch.ones(2)).pair.one.tolist() == [6.0, 6.0]
    assert recorder.recorded == 3


def test_too_many_shapes_are_called_plainly() -> None:
    recorder = Recorder()
    function = Recorded(scaled, recorder)
    for rows in range(1, MOST_RECORDINGS + 4):
        made = function(bag(1.0, rows=rows), add=torch.ones(rows))
        assert made.pair.one.tolist() == [4.0] * rows
    assert recorder.recorded == MOST_RECORDINGS


def test_on_the_cpu_a_function_stays_itself() -> None:
    assert accelerated(scaled, "cpu") is scaled


def test_a_recorded_stream_is_the_plain_one_bit_for_bit_and_records_its_block_once() -> None:
    recorder = Recorder()

    def run(sampler: MotionSampler) -> np.ndarray:
        made = stream(sampler, iter(blocks(60)), reference(), seed=1)
        return np.concatenate([block.motion_TD for block, _ in made])

    settings = {"nfe": 4, "anchor": 0.2, "context_noise": 0.05}
    plain = run(MotionSampler(small_model(), **settings))
    replayed = run(MotionSampler(small_model(), draw=Recorded(draw_block, recorder), **settings))
    assert np.array_equal(plain, replayed)
    assert recorder.recorded == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_cuda_graph_gives_what_the_plain_stream_gives() -> None:
    model = copy.deepcopy(small_model()).to("cuda")

    def run(sampler: MotionSampler) -> np.ndarray:
        made = stream(sampler, iter(blocks(60)), reference(), seed=1)
        return np.concatenate([block.motion_TD for block, _ in made])

    plain = run(MotionSampler(model, nfe=4))
    graphed = run(MotionSampler(model, nfe=4, draw=accelerated(draw_block, "cuda")))
    np.testing.assert_allclose(plain, graphed, atol=1e-5)
