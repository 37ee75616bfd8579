"""The half-made render beside its output: finished segments and the stream's state after each.

`out.mp4.parts/` holds `fingerprint`, the first pass, and for every finished segment a video file and
the state that follows it. A segment counts as finished when its state is there, and the state is
written last, so a crash at any point leaves only whole segments.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from afgen.errors import DiskFullError, OptionError, OutputUnwritableError

NO_SPACE = {28, 122}  # ENOSPC, EDQUOT


@dataclass(frozen=True, slots=True)
class Workspace:
    """Paths of one half-made render."""

    folder: Path

    def segment(self, index: int) -> Path:
        """Video of a segment."""
        return self.folder / f"segment-{index:05d}.mp4"

    def state(self, index: int) -> Path:
        """Stream state after a segment."""
        return self.folder / f"segment-{index:05d}.state"

    @property
    def first_pass(self) -> Path:
        """What was understood of the recording."""
        return self.folder / "understanding.npz"

    def finished(self) -> int:
        """How many segments, from the first on, are whole."""
        index = 0
        while self.state(index).exists() and self.segment(index).exists():
            index += 1
        return index

    def segments(self, count: int) -> Iterator[Path]:
        """The first `count` segments' videos."""
        return (self.segment(index) for index in range(count))

    def remove(self) -> None:
        """Forget the half-made render."""
        shutil.rmtree(self.folder, ignore_errors=True)


def open_workspace(output: Path, fingerprint: str, *, resume: bool) -> Workspace:
    """Take up the half-made render of `output`, or begin one.

    Raises OptionError when `resume` is asked for and what lies there was made from other inputs or
    settings; OutputUnwritableError, DiskFullError.
    """
    work = Workspace(output.with_name(output.name + ".parts"))
    mark = work.folder / "fingerprint"
    if resume and work.folder.exists() and (not mark.exists() or mark.read_text() != fingerprint):
        raise OptionError(
            f"what lies in {work.folder} was made from other inputs, settings or weights",
            hint="Run again without --resume to begin anew.",
        )
    if not resume:
        work.remove()
    try:
        work.folder.mkdir(exist_ok=True)
        mark.write_text(fingerprint)
    except OSError as error:
        raise output_error(work.folder, error) from error
    return work


def check_output(output: Path, *, force: bool) -> None:
    """Raise before any work is done when the output cannot be written in the end."""
    folder = output.parent
    if output.is_dir():
        raise OutputUnwritableError(f"{output} is a folder", hint="Give a file name: -o out.mp4")
    if output.suffix.lower() != ".mp4":
        raise OptionError(f"{output} does not end in .mp4", hint="The output is always an mp4.")
    if output.exists() and not force:
        raise OutputUnwritableError(
            f"{output} exists already", hint="Choose another name, or replace it with --force."
        )
    if not folder.is_dir():
        raise OutputUnwritableError(f"the folder {folder} does not exist", hint="Create it first.")
    if not os.access(folder, os.W_OK):
        raise OutputUnwritableError(f"the folder {folder} cannot be written")


def output_error(path: Path, error: OSError) -> OutputUnwritableError | DiskFullError:
    """The typed error for a failed write."""
    if error.errno in NO_SPACE:
        return DiskFullError(f"the disk of {path} is full")
    return OutputUnwritableError(f"cannot write {path}: {error.strerror}")
