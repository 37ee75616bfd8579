"""Checks of where a result goes, and the half-made render beside it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from afgen.errors import InputError, OptionError, OutputUnwritableError
from afgen.media.files import require_writable_place, writing
from afgen.media.parts import forget_parts, is_begun, open_parts, parts_key


def report_of(output: Path) -> Path:
    """Where the report of the video `output` lies."""
    return output.with_suffix(".json")


def check_output(
    output: Path, *, suffix: str = ".mp4", force: bool, inputs: Iterable[Path] = ()
) -> None:
    """Raise before any work is done when `output` could not be written in the end.

    An existing file is replaced only with `force`, and one of `inputs` never. Raises OptionError,
    OutputUnwritableError.
    """
    if output.suffix.lower() != suffix:
        raise OptionError(
            f"{output} does not end in {suffix}.", hint=f"Give the result a name like out{suffix}."
        )
    with writing(output):
        require_writable_place(output)
        exists = output.exists()
        if exists and any(path.exists() and path.samefile(output) for path in inputs):
            raise OptionError(f"{output} is also an input.", hint="Choose another name.")
    if exists and not force:
        raise OutputUnwritableError(
            f"{output} exists already.", hint="Choose another name, or replace it with --force."
        )


@contextmanager
def half_made(output: Path, key: str, *, resume: bool) -> Iterator[Path]:
    """The folder of the half-made render, empty unless it is taken up again.

    A block that ends by an exception leaves the folder for a later `resume` when there is work in
    it to go on with, and the inputs are not what is wrong. Raises OptionError when `resume` is
    asked for and what lies there was made from other inputs, settings, weights or versions.
    """
    if not resume:
        forget_parts(output)
    elif parts_key(output) not in (None, key):
        raise OptionError(
            f"The half-made {output} was begun with other inputs, settings, weights or versions.",
            hint="Run again without --resume to begin anew.",
        )
    folder = open_parts(output, key)
    try:
        yield folder
    except BaseException as error:
        if isinstance(error, InputError) or not is_begun(folder):
            forget_parts(output)
        raise
