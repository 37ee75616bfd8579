"""The hidden folder beside a video that is being made, and the finished segments in it."""

import shutil
import tempfile
from itertools import count, takewhile
from pathlib import Path

from afgen.media.files import writing

LISTING_FILE = "segments.txt"
JOINED_FILE = "joined.partial"
_KEY_FILE = "key"
_TAIL = ".tail.mp4"


def temporary_parts(path: Path) -> Path:
    """A fresh hidden folder for the segments of a video that will not be resumed."""
    with writing(path):
        return Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))


def open_parts(path: Path, resume_key: str) -> Path:
    """The hidden folder of the half-made video `path`: always the same one, emptied on a new key.

    A caller may keep there, under names of its own with other endings, what it needs to go on.

    Raises:
        OutputUnwritableError, DiskFullError: the folder can't be written.
    """
    folder = parts_folder(path)
    with writing(path):
        stored = folder / _KEY_FILE
        if not stored.is_file() or stored.read_text("utf-8") != resume_key:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            stored.write_text(resume_key, "utf-8")
        for leftover in (*folder.glob("*.partial"), *folder.glob(f"*{_TAIL}")):
            leftover.unlink()
    return folder


def parts_key(path: Path) -> str | None:
    """The key of the half-made video `path`, or None when there is none."""
    stored = parts_folder(path) / _KEY_FILE
    return stored.read_text("utf-8") if stored.is_file() else None


def forget_parts(path: Path) -> None:
    """Throw away the half-made video `path`, if there is one."""
    shutil.rmtree(parts_folder(path), ignore_errors=True)


def is_begun(folder: Path) -> bool:
    """Whether there is work to go on with: a finished segment, or what a caller keeps there."""
    return bool(lasting_parts(folder))


def lasting_parts(folder: Path) -> list[Path]:
    """What there is to go on with: first what callers keep there, then finished segments in order.

    Whoever copies these in this order has, at any moment, something that can be gone on with.
    """
    segments = finished_parts(folder)  # seen first: what they are gone on from is there by then
    kept = [part for part in folder.glob("*") if part.suffix not in (".mp4", ".partial")]
    return sorted(part for part in kept if part.name not in (_KEY_FILE, LISTING_FILE)) + segments


def parts_folder(path: Path) -> Path:
    """Where the half-made video `path` lies."""
    return path.parent / f".{path.name}.parts"


def finished_parts(folder: Path) -> list[Path]:
    """Whole segments from the start on, in order, up to the first that is missing."""
    names = (folder / f"{index:06d}.mp4" for index in count())
    return list(takewhile(Path.is_file, names))


def list_parts(folder: Path) -> None:
    """Write the concat listing of all segments."""
    parts = [*finished_parts(folder), *folder.glob("*.tail.mp4")]
    lines = [f"file '{part.name}'\n" for part in parts]
    (folder / LISTING_FILE).write_text("".join(lines), "utf-8")


def tail_of(path: Path) -> Path:
    """Name of a last segment that is shorter than the others, and is never resumed from."""
    return path.with_name(f"{path.stem}{_TAIL}")
