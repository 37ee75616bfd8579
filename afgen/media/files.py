"""Files in and out: readable inputs, hashes, and results that appear whole or not at all."""

import errno
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from afgen.errors import (
    DiskFullError,
    EmptyFileError,
    FileMissingError,
    FileUnreadableError,
    OutputError,
    OutputUnwritableError,
)

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_CHUNK_BYTES = 1 << 20


def require_readable(path: Path) -> int:
    """Size in bytes of a regular, readable, non-empty file.

    Raises:
        FileMissingError, FileUnreadableError, EmptyFileError.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise FileUnreadableError(f"{path} is not a file.")
        with path.open("rb"):
            pass
    except (FileNotFoundError, NotADirectoryError):
        raise FileMissingError(f"There is no file {path}.") from None
    except (OSError, ValueError) as error:
        raise FileUnreadableError(f"{path} cannot be read: {error}.") from error
    if status.st_size == 0:
        raise EmptyFileError(f"{path} is empty.")
    return status.st_size


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's bytes, read piece by piece."""
    require_readable(path)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def output_error(path: Path, error: OSError) -> OutputError:
    """The typed error for a failed write to `path`."""
    if error.errno in _FULL:
        return DiskFullError(f"No space left while writing {path}.")
    return OutputUnwritableError(f"{path} cannot be written: {error.strerror or error}.")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the system errors of a write to `path` into typed ones.

    Raises:
        DiskFullError, OutputUnwritableError.
    """
    try:
        yield
    except OSError as error:
        raise output_error(path, error) from error


def require_writable_place(path: Path) -> None:
    """Check early that a result can be put at `path`, so that no work is done in vain.

    Raises:
        OutputUnwritableError: the folder is missing or closed, or `path` is itself a folder.
    """
    folder = path.parent
    if not folder.is_dir():
        raise OutputUnwritableError(f"There is no folder {folder}.")
    if path.is_dir():
        raise OutputUnwritableError(f"{path} is a folder.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputUnwritableError(f"The folder {folder} may not be written.")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` that takes its place when the block ends well.

    On any exception, Ctrl-C included, the temporary file is removed and `path` stays as it was.

    Raises:
        DiskFullError, OutputUnwritableError.
    """
    require_writable_place(path)
    with writing(path):
        handle, name = tempfile.mkstemp(
            prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent
        )
        os.close(handle)
    temporary = Path(name)
    try:
        with writing(path):
            yield temporary
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all.

    Raises:
        DiskFullError, OutputUnwritableError.
    """
    with writing(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
