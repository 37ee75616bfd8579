"""How fast a computation could be: its counted work over what this machine does in the same run.

The roofline (Williams et al. 2009): no program is faster than its arithmetic over the machine's
rate, nor than its bytes over the machine's bandwidth. Counted are products alone (matrix products,
convolutions, attention) with what they read and write; all else could be fused into them.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from afgen.render.stopwatch import peak_memory_mb

R = TypeVar("R")

_SIDE = {"cpu": 1024, "cuda": 8192}  # of the matrices whose product is timed
_FLOATS = {"cpu": 1 << 25, "cuda": 1 << 28}  # that are copied: more than any cache holds
_REPEATS = 5


@dataclass(frozen=True, slots=True)
class Work:
    """What a computation has to do at least."""

    flops: float
    bytes: float


@dataclass(frozen=True, slots=True)
class Machine:
    """What was measured of the device: products of large matrices, copies of long rows."""

    flops_per_s: float
    bytes_per_s: float

    def least_s(self, work: Work) -> float:
        """The roofline's time for this work, seconds."""
        return max(work.flops / self.flops_per_s, work.bytes / self.bytes_per_s)


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that was aimed at on a GPU."""

    what: str
    wanted: str
    measured: str
    met: bool


def measure_machine(device: torch.device, dtype: torch.dtype = torch.float32) -> Machine:
    """The best of a few runs of each, on the threads that torch has now."""
    side, floats = _SIDE[device.type], _FLOATS[device.type]
    square = torch.ones(side, side, device=device, dtype=dtype)
    source, target = torch.ones(2, floats, device=device)
    product_s = min(seconds_of(lambda: square @ square, device) for _ in range(_REPEATS))
    copy_s = min(seconds_of(lambda: target.copy_(source), device) for _ in range(_REPEATS))
    return Machine(
        flops_per_s=2.0 * side**3 / product_s,
        bytes_per_s=2.0 * source.nbytes / copy_s,  # read and written
    )


class Spent(NamedTuple):
    """Seconds of the clock, and of the processor over all its threads.

    The second say more where other programs want the processor, too.
    """

    wall_s: float
    cpu_s: float


def spent_on(call: Callable[[], R], device: torch.device) -> tuple[R, Spent]:
    """What a call gives, and what it takes with all that it started on the device."""
    _finish(device)
    before, began = time.process_time(), time.perf_counter()
    result = call()
    _finish(device)
    return result, Spent(time.perf_counter() - began, time.process_time() - before)


def seconds_of(call: Callable[[], object], device: torch.device) -> float:
    """The wall-clock seconds of a call."""
    return spent_on(call, device)[1].wall_s


def count_work(call: Callable[[], object]) -> Work:
    """The work of a call. Tensors on the `meta` device will do, which costs no time."""
    with _Counter() as counter:
        call()
    return Work(flops=counter.flops, bytes=counter.bytes)


def device_memory_mb(device: torch.device) -> float:
    """Most memory in use so far: of the GPU's, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    return peak_memory_mb()


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the products that pass by."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0.0
        self.bytes = 0.0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        formula = flop_registry.get(func.overloadpacket)
        if formula is None:
            with self:
                parts = func.decompose(*args, **kwargs)
            return func(*args, **kwargs) if parts is NotImplemented else parts
        out = func(*args, **kwargs)
        self.flops += formula(*args, **kwargs, out_val=out)
        tensors = tree_leaves((args, kwargs, out))
        self.bytes += sum(leaf.nbytes for leaf in tensors if isinstance(leaf, Tensor))
        return out
