"""Folders for files of jobs under way, removed at the end, and after a crash by whoever comes next.

Each is locked by its process for as long as that lives, whatever becomes of process numbers.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_PREFIX: Final = "afgen-job-"
_LOCK_FILE: Final = "lock"


@contextmanager
def scratch(root: Path) -> Iterator[Path]:
    """An empty folder in `root`, gone when the block ends."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
    lock = os.open(folder / _LOCK_FILE, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def remove_abandoned(root: Path) -> None:
    """Remove what killed processes have left in `root`."""
    for lock_file in root.glob(f"{_PREFIX}*/{_LOCK_FILE}"):
        with suppress(OSError), lock_file.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock_file.parent, ignore_errors=True)
