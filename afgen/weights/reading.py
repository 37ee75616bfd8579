"""Tensors out of a file that a stranger made: .pth, .pt, .bin or .safetensors, and no code run.

A .pth is a pickle, which may call anything when it is opened. Here torch's restricted unpickler
reads it: tensors, numbers, text and containers, and the one class of `ALLOWED`.
"""

import argparse
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from afgen.errors import WeightsDamagedError, WeightsMismatchError, WeightsUnsafeError
from afgen.media.files import require_readable

ALLOWED: Final = (argparse.Namespace,)  # LIA's trainer keeps its arguments beside the weights
_HEAD_BYTES: Final = 512
_NOT_CUT_OFF: Final = "Download or copy it again, and compare its size with the original's."
_NOT_WEIGHTS: Final = {  # how files begin that are often mistaken for weights
    rb"\s*<(!doctype|html|\?xml|head)": (
        "a web page",
        "The site asked for a login or a confirmation: download the file itself in a browser.",
    ),
    rb"version https://git-lfs": (
        "a pointer of Git LFS",
        "Run `git lfs pull` where it came from, or download the file itself.",
    ),
    rb"\s*\{\s*\"(error|message|detail)": ("an error message", "Check the address it came from."),
}


def read_contents(path: Path) -> Any:
    """What a file of weights holds: tensors by name, or whatever its writer put around them.

    Tensors may be views of the file: they stay valid as long as it is not changed.

    Raises FileMissingError, FileUnreadableError, EmptyFileError, WeightsDamagedError for a file
    that is cut off or no checkpoint at all, WeightsUnsafeError for one that would run code.
    """
    require_readable(path)
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    for pattern, (kind, hint) in _NOT_WEIGHTS.items():
        if re.match(pattern, head, re.IGNORECASE):
            raise WeightsDamagedError(f"{path.name} is {kind}, not weights.", hint=hint)
    if head.startswith(b"PK"):
        return _read_archive(path)
    if head[8:9] == b"{":
        return _read_safetensors(path)
    if head.startswith(b"\x80\x02"):  # torch.save before 1.6
        return _unpickle(path, mapped=False)
    if head.startswith(b"\x80"):
        raise WeightsUnsafeError(
            f"{path.name} was not opened: it is a pickle that torch.save did not write."
        )
    raise WeightsDamagedError(
        f"{path.name} is no checkpoint of any known kind.",
        hint="PyTorch files (.pth, .pt, .bin) and .safetensors can be read.",
    )


def read_weights(path: Path, *, entry: str | None = None) -> dict[str, Tensor]:
    """Weights by name; those of the `entry` of a trainer's checkpoint, where one is named.

    Raises what `read_contents` raises, and WeightsMismatchError naming what is not there.
    """
    contents = read_contents(path)
    where = path.name
    if entry is not None:
        if not isinstance(contents, Mapping) or entry not in contents:
            raise WeightsMismatchError(
                f"{where} lacks the entry {entry!r}; it holds {_outline(contents)}.",
                hint="This is another checkpoint than the one that was asked for.",
            )
        contents, where = contents[entry], f"{entry!r} of {where}"
    if not isinstance(contents, Mapping) or not contents:
        raise WeightsMismatchError(f"{where} holds {_outline(contents)} instead of weights.")
    for name, value in contents.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise WeightsMismatchError(
                f"{where} holds {_outline(contents)} instead of weights by name.",
                hint="This is another checkpoint than the one that was asked for.",
            )
    return dict(contents)


def require_finite(weights: Mapping[str, Tensor], *, where: str) -> None:
    """Raises WeightsDamagedError naming the first entry with a number that is none."""
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise WeightsDamagedError(
                f"{where} has infinite or undefined numbers in {name!r}.", hint=_NOT_CUT_OFF
            )


def _read_archive(path: Path) -> Any:
    """A zip archive of torch.save; its index is at the end, so a cut-off one has none."""
    try:
        if not zipfile.is_zipfile(path):
            raise WeightsDamagedError(
                f"{path.name} is cut off after {path.stat().st_size} bytes.", hint=_NOT_CUT_OFF
            )
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise _damaged(path, error) from error
    if not any(entry.filename.endswith("data.pkl") for entry in entries):
        raise WeightsDamagedError(
            f"{path.name} is a zip archive, not weights.", hint="Unpack it first."
        )
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise WeightsDamagedError(
            f"{path.name} is compressed, which torch.save never does.", hint=_NOT_CUT_OFF
        )
    return _unpickle(path, mapped=True)


def _unpickle(path: Path, *, mapped: bool) -> Any:
    try:
        with torch.serialization.safe_globals([*ALLOWED]), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol")
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        raise _refused(path, str(error)) from None
    except Exception as error:  # a damaged pickle is a program of noise, and fails in any way
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> WeightsDamagedError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return WeightsDamagedError(f"{path.name} cannot be read: {reason}", hint=_NOT_CUT_OFF)


def _refused(path: Path, reason: str) -> WeightsDamagedError | WeightsUnsafeError:
    """Why the restricted unpickler stopped: at something that weights do not need, or at noise."""
    found = re.search(r"GLOBAL (\S+)|function (\S+)|but got (<class \S+>)|(operand \d+)", reason)
    if found is None:
        return WeightsDamagedError(f"{path.name} is damaged.", hint=_NOT_CUT_OFF)
    name = next(group for group in found.groups() if group)
    return WeightsUnsafeError(
        f"{path.name} was not opened: it asks for {name}, which may run code and which weights do "
        "not need."
    )


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError) as error:
        raise _damaged(path, error) from error


def _outline(contents: Any) -> str:
    """What an unexpected file holds, in a few words."""
    if not isinstance(contents, Mapping):
        return f"a {type(contents).__name__}"
    names = [repr(name) for name in contents]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
