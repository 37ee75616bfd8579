"""What every command shares: talking to the terminal, progress, errors, checked options."""

import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from afgen.errors import AfgenError, InternalError, OptionError, SetupError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from afgen.render.progress import Progress

    ModelT = TypeVar("ModelT", bound=BaseModel)

INTERRUPTED = 130  # what shells expect after Ctrl-C
NATIVE_LOGS = "AFGEN_NATIVE_LOGS"  # set to anything: show what the C++ libraries write

console = Console(stderr=True, highlight=False)

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]


def print_json(text: str) -> None:
    """The one thing that goes to standard output."""
    sys.stdout.write(text + "\n")


def print_table(
    header: Iterable[str], rows: Iterable[Iterable[object]], *, whole: int | None = None
) -> None:
    """A table on standard output; its cells are taken literally, and folded but never cut.

    The column number `whole` is never folded, so that what is in it can be copied.
    """
    columns = (
        Column(name, overflow="fold", no_wrap=number == whole) for number, name in enumerate(header)
    )
    table = Table(*columns, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    Console(highlight=False).print(table)


def say(markup: str, *values: object) -> None:
    """Print a line to standard error; `{}` in `markup` take the values literally."""
    console.print(markup.format(*map(_literal, values)), soft_wrap=True)


def _literal(value: object) -> str:
    """One line of printable text, whatever a file may be named."""
    line = " ".join(str(value).splitlines())
    return escape(line.encode(errors="backslashreplace").decode())


def run(app: typer.Typer) -> int:
    """Run the command line and return its exit code; an error becomes one line and a hint."""
    try:
        status = app(standalone_mode=False)
    except AfgenError as error:
        return _complain(error)
    except ImportError as error:
        return _complain(_missing(error))
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Exception as error:
        if hasattr(error, "format_message"):  # typer's own, for a wrong command line
            return _misused(error)
        traceback.print_exc()
        return _complain(InternalError(f"{type(error).__name__}: {error}"))
    return status if isinstance(status, int) else 0


def _complain(error: AfgenError) -> int:
    say("[bold red]error[/] ({}): {}", error.code, error.message)
    if error.advice:
        say("       {}", error.advice)
    return error.exit_code


def _missing(error: ImportError) -> SetupError:
    """A library that the service alone needs may not be there; any other is a broken setup."""
    library = (error.name or "").partition(".")[0]
    if library not in _service_libraries():
        return SetupError(f"a library cannot be loaded: {error}")
    return SetupError(
        f"This command needs {library}.", hint="Install it with: pip install 'afgen[service]'"
    )


def _service_libraries() -> set[str]:
    """What the extra of the package brings, by the names of imports."""
    from importlib.metadata import requires

    of_extra = (one for one in requires("afgen") or () if "extra == 'service'" in one)
    return {re.split(r"[^\w.-]", one)[0].replace("-", "_") for one in of_extra}


def _misused(error: Any) -> int:
    """A command line that could not be parsed; one without any arguments asks for help."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return 2
    command = error.ctx.command_path if error.ctx else "afgen"
    return _complain(OptionError(error.format_message(), hint=f"See `{command} --help`."))


def hush_native_logs() -> None:
    """Keep what C++ libraries log out of the terminal, for the rest of the process.

    They write to file descriptor 2 past everything Python could set, and MediaPipe knows no switch.
    Python's own standard error moves to another descriptor.
    """
    if NATIVE_LOGS in os.environ:
        return
    sys.stderr.flush()
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def checked(model: "type[ModelT]", **options: Any) -> "ModelT":
    """A value of `model` made of command line options. Raises OptionError."""
    from pydantic import ValidationError

    try:
        return model(**options)
    except ValidationError as error:
        raise _option_error(error) from None


def _option_error(error: Any) -> OptionError:
    first = error.errors()[0]
    problem = first["msg"].removeprefix("Value error, ").replace("Input should", "must")
    if not first["loc"]:
        return OptionError(f"{problem}.")
    return OptionError(f"{option_name(str(first['loc'][0]))} {first['input']}: {problem}.")


def option_name(field: str) -> str:
    """The option that sets this field of a model: times carry their unit in the field alone."""
    return "--" + field.removesuffix("_s").replace("_", "-")


@contextmanager
def stoppable(how_to_go_on: str = "Nothing was written.") -> Iterator[None]:
    """After Ctrl-C, say that it was heard and what there is to go on with."""
    try:
        yield
    except KeyboardInterrupt:
        say("[yellow]stopped[/] {}", how_to_go_on)
        raise


@contextmanager
def progress_bars() -> Iterator["Callable[[Progress], None]"]:
    """What a long job tells its progress to: bars on a terminal, else a line now and then."""
    from afgen.cli import progress

    with progress.bars(console) if console.is_terminal else progress.lines(say) as show:
        yield show
