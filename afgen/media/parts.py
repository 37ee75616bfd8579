"""The hidden folder beside a video that is being made, and the finished segments in it."""

import shutil
import tempfile
from pathlib import Path

from afgen.media.files import writing

LISTING_FILE = "segments.txt"
JOINED_FILE = "joined.partial"
_KEY_FILE = "key"


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
    folder = _parts_folder(path)
    with writing(path):
        stored = folder / _KEY_FILE
        if not stored.is_file() or stored.read_text("utf-8") != resume_key:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            stored.write_text(resume_key, "utf-8")
        for leftover in (*folder.glob("*.partial"), *folder.glob("*.tail.mp4")):
            leftover.unlink()
    return folder


def parts_key(path: Path) -> str | None:
    """The key of the half-made video `path`, or None when there is none."""
    stored = _parts_folder(path) / _KEY_FILE
    return stored.read_text("utf-8") if stored.is_file() else None


def forget_parts(path: Path) -> None:
    """Throw away the half-made video `path`, if there is one."""
    shutil.rmtree(_parts_folder(path), ignore_errors=True)


def finished_parts(folder: Path) -> list[Path]:
    """Whole segments from the start on, in order."""
    parts = sorted(part for part in folder.glob("*.mp4") if "." not in part.stem)
    return [part for index, part in enumerate(parts) if part.stem == f"{index:06d}"]


def list_parts(folder: Path) -> None:
    """Write the concat listing of all segments."""
    lines = [f"file '{part.name}'" for part in sorted(folder.glob("*.mp4"))]
    (folder / LISTING_FILE).write_text("\n".join(lines) + "\n", "utf-8")


def tail_of(path: Path) -> Path:
    """Name of a last segment that is shorter than the others, and is never resumed from."""
    return path.with_name(f"{path.stem}.tail.mp4")


def _parts_folder(path: Path) -> Path:
    return path.parent / f".{path.name}.parts"
