"""Record a function of tensors once and replay it: CUDA graphs behind a plain call.

A block of motion is some thousand small kernels, and a GPU runs each faster than its host launches
it. A recording launches all of them at once, with the bits of the plain call. Graphs rather than a
compiler: nothing to build, no first minute of waiting, and the same kernels as without.

What is recorded must be a function of its arguments alone and never look at a tensor's values.
"""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")

MOST_RECORDINGS = 8  # of one function; arguments of yet other shapes are called plainly

_RECORDING = threading.Lock()

Recorder = Callable[[Callable[[], Any]], tuple[Any, Callable[[], object]]]
"""Runs a call, and gives its result with a function that runs it again into the same result."""


def accelerated(function: Callable[P, R], device: torch.device | str) -> Callable[P, R]:
    """`function`, recorded on a CUDA device for each shape of its arguments; elsewhere itself.

    Arguments and result may be tensors, tuples and dataclasses of them, and anything hashable,
    which then belongs to the shape. Results need no gradient. For one thread at a time.
    """
    if torch.device(device).type != "cuda":
        return function
    return Recorded(function, record_cuda_graph)


class _Shape(NamedTuple):
    """What a recording is bound to of each tensor."""

    size: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device


@dataclass(frozen=True, slots=True)
class _Recording:
    inputs: tuple[Tensor, ...]
    result: Any
    replay: Callable[[], object]


class Recorded(Generic[P, R]):
    """A function and its recordings so far."""

    def __init__(self, function: Callable[P, R], record: Recorder) -> None:
        self._function = function
        self._record = record
        self._recordings: dict[Hashable, _Recording] = {}

    @torch.inference_mode()
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """What the function gives, in tensors of its own."""
        given = (args, tuple(sorted(kwargs.items())))
        tensors: list[Tensor] = []
        shape = _mapped(given, lambda tensor: _noted(tensor, tensors))
        if shape not in self._recordings:
            if len(self._recordings) == MOST_RECORDINGS:
                return self._function(*args, **kwargs)
            self._recordings[shape] = self._recording(given)
        recording = self._recordings[shape]
        for own, new in zip(recording.inputs, tensors, strict=True):
            own.copy_(new)
        recording.replay()
        result: R = _mapped(recording.result, Tensor.clone)
        return result

    def _recording(self, given: Any) -> _Recording:
        inputs: list[Tensor] = []

        def kept(tensor: Tensor) -> Tensor:
            inputs.append(tensor.clone())
            return inputs[-1]

        args, kwargs = _mapped(given, kept)
        result, replay = self._record(lambda: self._function(*args, **dict(kwargs)))
        return _Recording(tuple(inputs), result, replay)


def record_cuda_graph(call: Callable[[], Any]) -> tuple[Any, Callable[[], object]]:
    """A `Recorder`. The first calls let libraries set up what they may not while recording.

    Threads record one after the other: each begins by waiting for the whole device, and no one may
    wait for it while another records.
    """
    with _RECORDING:
        return _recorded(call)


def _recorded(call: Callable[[], Any]) -> tuple[Any, Callable[[], object]]:
    aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(2):
            call()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        result = call()
    return result, graph.replay


def _noted(tensor: Tensor, tensors: list[Tensor]) -> _Shape:
    tensors.append(tensor)
    return _Shape(tuple(tensor.shape), tensor.dtype, tensor.device)


def _mapped(value: Any, change: Callable[[Tensor], Any]) -> Any:
    """`value` with every tensor in it changed, in a fixed order."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, tuple):
        parts = [_mapped(part, change) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value, **{f.name: _mapped(getattr(value, f.name), change) for f in fields(value)}
        )
    return value
