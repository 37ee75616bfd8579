"""Several processes that learn as one: who is who, and gradients added up in a fixed order.

Start them with `torchrun --nproc-per-node N -m afgen.cli train ...`; on a CPU they speak through
gloo, on GPUs through nccl, one GPU a process. All must see the folder of the run.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch import distributed as dist

from afgen.errors import OptionError

T = TypeVar("T")

CPU = torch.device("cpu")
PATIENCE = timedelta(hours=12)  # while the first process composes or evaluates, the others wait


@dataclass(frozen=True, slots=True)
class World:
    """The processes of a run, seen from one of them; by default it is the only one."""

    rank: int = 0
    size: int = 1
    device: torch.device = field(default=CPU)

    @property
    def leads(self) -> bool:
        """Whether this process writes, evaluates and talks for all."""
        return self.rank == 0

    def total(self, vector_N: Tensor) -> Tensor:
        """The sum (N,) of the processes' vectors, the same bits in each.

        Every process adds up one slice, in the order of ranks, and hands the sum to all: as much
        traffic as the usual ring, and no order that depends on timing or topology.
        """
        if self.size == 1:
            return vector_N
        slice_length = -(-len(vector_N) // self.size)
        padded = nn.functional.pad(vector_N, (0, slice_length * self.size - len(vector_N)))
        of_ranks = torch.empty_like(padded)
        dist.all_to_all_single(of_ranks, padded)
        own = _added_in_order(of_ranks.view(self.size, slice_length))
        summed = torch.empty_like(padded)
        dist.all_gather(list(summed.chunk(self.size)), own)
        return summed[: len(vector_N)]

    def add_gradients(self, parameters: list[nn.Parameter]) -> None:
        """Replace every gradient by its sum over the processes; one that is missing is zero."""
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        if self.size == 1:
            return
        gradients = [one.grad for one in parameters if one.grad is not None]
        flat = self.total(torch.cat([one.flatten() for one in gradients]))
        pieces = torch.split(flat, [one.numel() for one in gradients])
        for gradient, summed in zip(gradients, pieces, strict=True):
            gradient.copy_(summed.view_as(gradient))

    def agreed(self, value: T) -> T:
        """The first process's value, in all of them."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, device=self.device)
        return box[0]

    def wait(self) -> None:
        """Until all are here."""
        if self.size > 1:
            dist.barrier()


ALONE = World()


@contextmanager
def joined(device: str = "auto") -> Iterator[World]:
    """The world that torchrun has started this process in; without it, a world of one.

    `device` is auto, cpu or cuda. Raises OptionError where a GPU is asked for and there is none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise OptionError("There is no CUDA device that torch can use.", hint="Use --device cpu.")
    on_gpu = device != "cpu" and torch.cuda.is_available()
    if "WORLD_SIZE" not in os.environ:
        yield World(device=torch.device("cuda" if on_gpu else "cpu"))
        return
    place = CPU
    if on_gpu:
        place = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(place)
    dist.init_process_group("nccl" if on_gpu else "gloo", timeout=PATIENCE)
    try:
        yield World(dist.get_rank(), dist.get_world_size(), place)
    finally:
        dist.destroy_process_group()


def _added_in_order(vector_RN: Tensor) -> Tensor:
    total_N = vector_RN[0].clone()
    for vector_N in vector_RN[1:]:
        total_N += vector_N
    return total_N
