"""Files that are written whole, synced to the disk, and only then take their names."""

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

_CHUNK_BYTES: Final = 1 << 20
_TRIES: Final = 16  # `prune` may take an empty folder away that a file is about to be named into


def pieces(file: BinaryIO, size: int | None = None) -> Iterator[bytes]:
    """The next `size` bytes of an open file, or all that are left."""
    left = size
    while chunk := file.read(_CHUNK_BYTES if left is None else min(left, _CHUNK_BYTES)):
        yield chunk
        left = None if left is None else left - len(chunk)


def joined(paths: Iterable[Path]) -> Iterator[bytes]:
    """The bytes of files, one after the other."""
    for path in paths:
        with path.open("rb") as file:
            yield from pieces(file)


def digested(chunks: Iterable[bytes]) -> tuple[str, int]:
    """Hex SHA-256 and length of bytes that come in pieces."""
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def written(file: BinaryIO, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Write what passes through."""
    for chunk in chunks:
        file.write(chunk)
        yield chunk


def take_name(path: Path, target: Path) -> None:
    """Give a finished file its name, in place of what bore it; its folder must be there."""
    path.replace(target)
    sync_folder(target.parent)


def take_name_in_new_folder(path: Path, target: Path, *, if_absent: bool = False) -> None:
    """Give a finished file its name, in a folder that is made if there is none.

    Raises FileExistsError if `if_absent` and the name is taken.
    """
    for _ in range(_TRIES - 1):
        try:
            return _take_name_once(path, target, if_absent=if_absent)
        except FileNotFoundError:
            continue
    return _take_name_once(path, target, if_absent=if_absent)


def prune(folder: Path, root: Path) -> None:
    """Remove `folder` and those above it, up to `root`, as far as they are empty."""
    while folder != root:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def sync(file: BinaryIO) -> None:
    """Wait until the disk has the file's bytes."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names in the folder."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _take_name_once(path: Path, target: Path, *, if_absent: bool) -> None:
    _make_folder(target.parent)
    if if_absent:
        os.link(path, target)
    else:
        path.replace(target)
    sync_folder(target.parent)


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    try:
        folder.mkdir()
    except FileExistsError:
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "is a file", str(folder)) from None
    sync_folder(folder.parent)
