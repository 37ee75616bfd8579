"""How fast the generator is, part by part, beside how fast this machine could be.

Weights do not matter to speed, so random ones serve. Shape letters: R recordings, T frames, D
motion, A audio features.
"""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from afgen.clock import seconds_at
from afgen.evaluate.speed.roofline import (
    Machine,
    Spent,
    Target,
    Work,
    count_work,
    device_memory_mb,
    measure_machine,
    spent_on,
)
from afgen.generator.block import BlockFunction
from afgen.generator.config import GeneratorConfig
from afgen.generator.dual_motion_encoder import ConditionTensors
from afgen.generator.model import MotionGenerator
from afgen.generator.stream import MotionSampler
from afgen.nn.layout import computing_type, lay_out_for_sampling
from afgen.signals import Conditions

WARM_UP = 3  # blocks before the timed ones: two shapes of window, and recordings of both


@dataclass(frozen=True, slots=True)
class GeneratorSpeed:
    """Seconds are medians; those of the processor add up over its threads.

    Shares come from what a block of fewer evaluations takes less, at the best of each.
    """

    rows: int
    first_window_s: float
    first_window_cpu_s: float
    block_s: float
    block_cpu_s: float
    frames_per_s: float  # of all rows together
    realtime_factor: float
    peak_memory_mb: float
    conditions_share: float  # encoder, keys and values of the conditions, memory
    denoising_share: float
    commit_share: float
    work: Work  # of one block
    machine: Machine
    roofline_s: float


def bench_generator(
    model: MotionGenerator,
    *,
    rows: int = 1,
    nfe: int = 10,
    blocks: int = 8,
    draw: BlockFunction,
) -> GeneratorSpeed:
    """Time blocks of a running stream, then count what one has to do and measure the machine."""
    device, dtype = next(model.parameters()).device, computing_type(model)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    sampler = MotionSampler(model, nfe, draw=draw)
    first, spent = _timed_stream(sampler, rows, blocks)
    block_s = statistics.median(wall_s for wall_s, _ in spent)
    _, more = _timed_stream(replace(sampler, nfe=2 * nfe), rows, blocks)
    evaluation = _evaluation_share(spent, more, nfe, device)
    work, machine = block_work(model.config, rows, nfe, dtype), measure_machine(device, dtype)
    made = model.config.block_frames * rows
    return GeneratorSpeed(
        rows=rows,
        first_window_s=first.wall_s,
        first_window_cpu_s=first.cpu_s,
        block_s=block_s,
        block_cpu_s=statistics.median(cpu_s for _, cpu_s in spent),
        frames_per_s=made / block_s,
        realtime_factor=seconds_at(made) / block_s,
        peak_memory_mb=device_memory_mb(device),
        conditions_share=1 - (nfe - 1) * evaluation,
        denoising_share=(nfe - 2) * evaluation,
        commit_share=evaluation,
        work=work,
        machine=machine,
        roofline_s=machine.least_s(work),
    )


def generator_targets(one: GeneratorSpeed, many: GeneratorSpeed | None = None) -> list[Target]:
    """What one H100-class GPU is to reach at width 1024 and 10 evaluations."""
    targets = [
        Target(
            "block of 10 frames", "<= 15 ms", f"{1e3 * one.block_s:.1f} ms", one.block_s <= 0.015
        )
    ]
    if many is not None:
        gain = many.frames_per_s / one.frames_per_s
        targets.append(
            Target(f"{many.rows} recordings as rows", ">= 4 x one", f"{gain:.1f} x", gain >= 4)
        )
    return targets


def block_work(config: GeneratorConfig, rows: int, nfe: int, dtype: torch.dtype) -> Work:
    """Counted work of a block in the middle of a stream: that of few evaluations, and of more."""
    with torch.device("meta"):
        model = MotionGenerator(config).requires_grad_(False)
        lay_out_for_sampling(model, dtype)
        reference_RD = torch.empty(rows, config.motion_dim)
    sampler = MotionSampler(model, nfe=3)
    state = sampler.begin_tensors(reference_RD, list(range(rows)))
    _, state = sampler.step_tensors(_meta_conditions(config, rows, config.first_frames), state)
    block = _meta_conditions(config, rows, config.block_frames)
    three, four = (
        count_work(partial(replace(sampler, nfe=few).step_tensors, block, state)) for few in (3, 4)
    )
    return Work(
        flops=three.flops + (nfe - 3) * (four.flops - three.flops),
        bytes=three.bytes + (nfe - 3) * (four.bytes - three.bytes),
    )


def _evaluation_share(
    spent: Sequence[Spent], more: Sequence[Spent], nfe: int, device: torch.device
) -> float:
    """What one evaluation is of a block with `nfe`; `more` are blocks of twice as many.

    Processor time where there is nothing else, because other programs do not disturb it.
    """
    kind = Spent._fields.index("cpu_s" if device.type == "cpu" else "wall_s")
    least_s, more_s = (min(one[kind] for one in several) for several in (spent, more))
    return min(max((more_s - least_s) / nfe / least_s, 0.0), 1 / (nfe - 1))


def _timed_stream(sampler: MotionSampler, rows: int, blocks: int) -> tuple[Spent, list[Spent]]:
    """What a first window takes, and each later block.

    The first window is timed when it is no longer the first of its shape.
    """
    config, device = sampler.model.config, next(sampler.model.parameters()).device
    reference_RD = np.zeros((rows, config.motion_dim), np.float32)
    conditions = _random_conditions(config, WARM_UP + blocks)
    first = [next(conditions)] * rows
    start = sampler.begin(reference_RD, list(range(rows)))
    _, state = sampler.step(first, start)
    _, again = spent_on(lambda: sampler.step(first, start), device)
    blocks_spent = []
    for block in conditions:
        (_, state), spent = spent_on(partial(sampler.step, [block] * rows, state), device)
        blocks_spent.append(spent)
    return again, blocks_spent[WARM_UP - 1 :]


def _random_conditions(config: GeneratorConfig, windows: int) -> Iterator[Conditions]:
    draw = np.random.default_rng(0)
    start = 0
    for number in range(windows):
        frames = config.block_frames if number else config.first_frames
        sides = [
            draw.standard_normal((frames, dim), np.float32)
            for dim in (config.audio_dim, config.audio_dim, config.motion_dim)
        ]
        yield Conditions(start, frames, *sides)
        start += frames


def _meta_conditions(config: GeneratorConfig, rows: int, frames: int) -> ConditionTensors:
    with torch.device("meta"):
        return ConditionTensors(
            torch.empty(rows, frames, config.audio_dim),
            torch.empty(rows, frames, config.audio_dim),
            torch.empty(rows, frames, config.motion_dim),
            torch.empty(rows, 3),
        )
