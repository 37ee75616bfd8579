"""From noise to motion: Euler steps along any velocity, and noise that depends on nothing else.

Shape letters: R recordings, F frames fed, D motion, S evaluations.
"""

import hashlib
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Velocity = Callable[[Tensor, Tensor], Tensor]
"""(x_RFD, told) -> velocity_RFD, where `told` tells each frame's flow time in any form."""

NoiseSource = Callable[[Sequence[int], Sequence[int], int, int], Tensor]
"""(seeds, block numbers, frames, dim) -> noise (R, frames, dim), one seed and block a recording."""


def euler(velocity: Velocity, noise_RFD: Tensor, told_S: Tensor, step_SF: Tensor) -> Tensor:
    """x + step v(x, told) along the rows of a schedule, one evaluation each; (R, F, D)."""
    x_RFD = noise_RFD
    for told, step_F in zip(told_S, step_SF, strict=True):
        x_RFD = x_RFD + step_F[:, None] * velocity(x_RFD, told)
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
