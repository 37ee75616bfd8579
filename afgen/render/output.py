"""Checks of where a result goes, and the half-made render beside it."""

from pathlib import Path

from afgen.errors import OptionError, OutputUnwritableError
from afgen.media.files import require_writable_place
from afgen.media.parts import forget_parts, open_parts, parts_key


def check_output(output: Path, *, force: bool) -> None:
    """Raise before any work is done when `output` could not be written in the end.

    Raises OptionError, OutputUnwritableError.
    """
    if output.suffix.lower() != ".mp4":
        raise OptionError(f"{output} does not end in .mp4.", hint="The output is always an mp4.")
    require_writable_place(output)
    if output.exists() and not force:
        raise OutputUnwritableError(
            f"{output} exists already.", hint="Choose another name, or replace it with --force."
        )


def begin(output: Path, key: str, *, resume: bool) -> Path:
    """The folder of the half-made render, empty unless it is taken up again.

    Raises OptionError when `resume` is asked for and what lies there was made from other inputs,
    settings or weights.
    """
    if not resume:
        forget_parts(output)
    elif parts_key(output) not in (None, key):
        raise OptionError(
            f"The half-made {output} was begun with other inputs, settings or weights.",
            hint="Run again without --resume to begin anew.",
        )
    return open_parts(output, key)
