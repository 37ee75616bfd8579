"""From noise to motion: Euler steps along any velocity, and noise that depends on nothing else.

Shape letters: R recordings, F frames fed, D motion, S time points.
"""

import hashlib
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

Velocity = Callable[[Tensor, Tensor], Tensor]
"""(x_RFD, time_F) -> velocity_RFD, where time_F holds each frame's flow time."""

NoiseSource = Callable[[Sequence[int], Sequence[int], int, int], Tensor]
"""(seeds, block numbers, frames, dim) -> noise (R, frames, dim), one seed and block a recording."""


def euler(velocity: Velocity, noise_RFD: Tensor, schedule_SF: Tensor) -> Tensor:
    """x(t') = x(t) + (t' - t) v(x(t), t) along the rows of the schedule; (R, F, D).

    S time points cost S - 1 evaluations. A frame whose time does not change stays as it is.
    """
    x_RFD = noise_RFD
    for time_F, next_time_F in pairwise(schedule_SF):
        x_RFD = x_RFD + (next_time_F - time_F)[:, None] * velocity(x_RFD, time_F)
    return x_RFD


def block_noise(seeds: Sequence[int], blocks: Sequence[int], frames: int, dim: int) -> Tensor:
    """Standard normal noise (R, frames, dim): row r depends on its own seed and block only.

    So neither the batch a recording is in nor where a stream was resumed changes it.
    """
    rows = [
        torch.randn(frames, dim, generator=torch.Generator().manual_seed(_mixed(seed, block)))
        for seed, block in zip(seeds, blocks, strict=True)
    ]
    return torch.stack(rows)


def _mixed(seed: int, block: int) -> int:
    digest = hashlib.blake2b(f"{seed}/{block}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)
