"""Streams that were begun apart, stepped together: their states as the rows of one, and back.

A stream's state has the same meaning in any company, so recordings can join and leave a batch
between blocks, and each can be saved by itself.
"""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor

from afgen.generator.state import StreamState
from afgen.generator.stream import MotionSampler
from afgen.signals import Conditions, MotionBlock

_ON_CPU = ("seed_R", "frame_R")  # read by the CPU before each block
_ROW_AXIS = {"keys_LRWHd": 1, "values_LRWHd": 1}  # of all other tensors it is the first


def step_rows(
    sampler: MotionSampler, conditions: Sequence[Conditions], states: Sequence[StreamState]
) -> list[tuple[MotionBlock, StreamState]]:
    """The next block of every recording and the state after it; each state has one row.

    Recordings whose windows have the same length are one batch; a first window that is longer than
    a block, or that has no clean frames before it yet, is a batch of its own. What a row gives
    differs from what it would give alone by rounding only.
    """
    batches: dict[tuple[int, int], list[int]] = {}
    for index, state in enumerate(states):
        batches.setdefault(_window(sampler, state), []).append(index)
    made: dict[int, tuple[MotionBlock, StreamState]] = {}
    for batch in batches.values():
        blocks, after = sampler.step(
            [conditions[i] for i in batch], join([states[i] for i in batch])
        )
        made.update(zip(batch, zip(blocks, split(after), strict=True), strict=True))
    return [made[index] for index in range(len(states))]


def join(states: Sequence[StreamState]) -> StreamState:
    """States as the rows of one. Raises ValueError where their windows do not match."""
    if len(states) == 1:
        return states[0]
    if len({state.overlap_ROD.shape[1] for state in states}) > 1:
        raise ValueError("rows that feed clean frames again must all do so")
    joined: StreamState = _joined(list(states), "")
    return joined


def split(state: StreamState) -> list[StreamState]:
    """A state of one row for each of its recordings."""
    if state.rows == 1:
        return [state]
    return [_part(state, "", row, state.rows) for row in range(state.rows)]


def on_device(state: StreamState, device: torch.device) -> StreamState:
    """The same state, to go on with on another device. Counters stay on the CPU."""
    moved: StreamState = _moved(state, "", device)
    return moved


def _window(sampler: MotionSampler, state: StreamState) -> tuple[int, int]:
    """Frames that are new, and clean ones before them, in the next window of a stream."""
    starting = int(state.frame_R[0]) == 0
    config = sampler.model.config
    frames = config.first_frames if starting else config.block_frames
    return frames, state.overlap_ROD.shape[1]


def _joined(values: list[Any], name: str) -> Any:
    first = values[0]
    if is_dataclass(first) and not isinstance(first, type):
        parts = {
            field.name: _joined([getattr(value, field.name) for value in values], field.name)
            for field in fields(first)
        }
        return replace(first, **parts)
    if isinstance(first, Tensor):
        return torch.cat(values, dim=_ROW_AXIS.get(name, 0))
    return first


def _part(value: Any, name: str, row: int, rows: int) -> Any:
    """One recording's share of every tensor; its guidance rows lie side by side."""
    if is_dataclass(value) and not isinstance(value, type):
        parts = {
            field.name: _part(getattr(value, field.name), field.name, row, rows)
            for field in fields(value)
        }
        return replace(value, **parts)
    if isinstance(value, Tensor):
        return value.tensor_split(rows, dim=_ROW_AXIS.get(name, 0))[row]
    return value


def _moved(value: Any, name: str, device: torch.device) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        parts = {
            field.name: _moved(getattr(value, field.name), field.name, device)
            for field in fields(value)
        }
        return replace(value, **parts)
    if isinstance(value, Tensor) and name not in _ON_CPU:
        return value.to(device)
    return value
