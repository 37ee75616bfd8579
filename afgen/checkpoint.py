"""Weights on disk: safetensors, with the model's configuration and where they come from.

Everything about a file is in the file: its header holds one JSON object with `config` (plain data
of the model's configuration) and `provenance` (what they were trained on, how, under which
licence). Loading is strict: an unknown, missing or misshapen entry is named, never skipped.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from afgen.errors import (
    OutputUnwritableError,
    WeightsDamagedError,
    WeightsMismatchError,
    WeightsMissingError,
)

NAMED = 4  # entries of a kind that an error names
NOT_THE_LAYOUT = "This is another checkpoint, or one of another version or size."
HEADER = "afgen"  # one metadata key: several would be written in no particular order

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights by name, the configuration they belong to, their origin and their file's hash."""

    tensors: dict[str, Tensor]
    config: dict[str, Any]
    provenance: dict[str, Any]
    sha256: str


def save_checkpoint(
    path: Path,
    tensors: Mapping[str, Tensor],
    *,
    config: Mapping[str, Any],
    provenance: Mapping[str, Any],
    dtype: torch.dtype | None = None,
) -> str:
    """Write a checkpoint and return its SHA-256; the same contents give the same bytes.

    `dtype` stores floating-point weights in another type, float16 for half the size. The file
    appears at once or not at all. Raises OSError or OutputUnwritableError.
    """
    header = {"config": config, "provenance": provenance}
    stored = {
        name: tensor.detach().to("cpu", dtype if tensor.is_floating_point() else None).contiguous()
        for name, tensor in tensors.items()
    }
    partial = path.with_name(path.name + ".partial")
    partial.touch()
    mode = partial.stat().st_mode  # a new file's; safetensors makes one that only its owner reads
    try:
        safetensors.torch.save_file(stored, partial, {HEADER: json.dumps(header, sort_keys=True)})
    except SafetensorError as error:  # its form of every failed write
        raise OutputUnwritableError(f"{path} cannot be written: {error}") from error
    partial.chmod(mode)
    partial.replace(path)
    return _sha256(path)


def load_checkpoint(path: Path, *, sha256: str | None = None) -> Checkpoint:
    """Read a checkpoint, refusing one whose hash is not `sha256`.

    Raises WeightsMissingError, WeightsDamagedError or WeightsMismatchError.
    """
    if not path.is_file():
        raise WeightsMissingError(f"there are no weights at {path}")
    found = _sha256(path)
    if sha256 is not None and found != sha256:
        raise WeightsMismatchError(
            f"{path.name} has the SHA-256 {found}, not {sha256}",
            hint="The file was changed or is of another version: install afgen again.",
        )
    try:
        with safe_open(path, "pt") as file:
            config, provenance = _header(file)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return Checkpoint(tensors, config, provenance, found)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise WeightsDamagedError(f"{path.name} is not a checkpoint of afgen: {error}") from error


def load_header(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Configuration and provenance of a checkpoint, without its weights.

    Raises WeightsMissingError or WeightsDamagedError.
    """
    if not path.is_file():
        raise WeightsMissingError(f"there are no weights at {path}")
    try:
        with safe_open(path, "pt") as file:
            return _header(file)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise WeightsDamagedError(f"{path.name} is not a checkpoint of afgen: {error}") from error


def _header(file: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    header = json.loads((file.metadata() or {})[HEADER])
    return header["config"], header["provenance"]


def fill(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy weights into a module of exactly these names and shapes.

    Raises WeightsMismatchError naming the first entry that is missing, unknown or misshapen; the
    module is untouched then.
    """
    own = module.state_dict()
    for name in sorted(own.keys() | tensors.keys()):
        if name not in tensors:
            raise WeightsMismatchError(f"the weights lack {name!r}")
        if name not in own:
            raise WeightsMismatchError(f"the model knows no {name!r}")
        if own[name].shape != tensors[name].shape:
            raise WeightsMismatchError(
                f"{name!r} has the shape {tuple(tensors[name].shape)} in the weights and "
                f"{tuple(own[name].shape)} in the model"
            )
    module.load_state_dict(dict(tensors))


def check_layout(
    found: Mapping[str, Tensor], expected: Mapping[str, Sequence[int]], *, where: str
) -> None:
    """Compare names and shapes with a layout that has to be met exactly.

    Raises WeightsMismatchError about `where` with all that is missing, unexpected or misshapen: the
    first of each kind by name, the rest by number.
    """
    misshapen = [
        f"{name!r} {tuple(found[name].shape)} instead of {tuple(shape)}"
        for name, shape in expected.items()
        if name in found and tuple(found[name].shape) != tuple(shape)
    ]
    faults = {
        "lacks": [repr(name) for name in expected if name not in found],
        "has unexpected": [repr(name) for name in found if name not in expected],
        "has misshapen": misshapen,
    }
    told = [f"{fault} {_some(entries)}" for fault, entries in faults.items() if entries]
    if told:
        raise WeightsMismatchError(f"{where} {'; '.join(told)}", hint=NOT_THE_LAYOUT)


def _some(entries: list[str]) -> str:
    rest = len(entries) - NAMED
    return ", ".join(entries[:NAMED]) + (f" and {rest} more" if rest > 0 else "")


def config_from(cls: type[T], data: Mapping[str, Any], *, where: str = "") -> T:
    """A frozen configuration from plain data, nested ones too.

    Raises WeightsMismatchError on a key that the configuration does not have.
    """
    hints = get_type_hints(cls)
    for key in data:
        if key not in hints:
            raise WeightsMismatchError(
                f"the configuration has no key {where + key!r}",
                hint="These weights were made for another version of afgen.",
            )
    values = {
        key: config_from(hints[key], value, where=f"{key}.")
        if dataclasses.is_dataclass(hints[key]) and isinstance(hints[key], type)
        else value
        for key, value in data.items()
    }
    return cls(**values)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
