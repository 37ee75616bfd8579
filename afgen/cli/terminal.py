"""What every command shares: talking to the terminal, progress, errors, checked options."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from afgen.errors import AfgenError, OptionError

if TYPE_CHECKING:
    from afgen.render.progress import Progress
    from afgen.render.settings import Recordings, RenderSettings, Sources

console = Console(stderr=True, highlight=False)

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]


def print_json(text: str) -> None:
    """The one thing that goes to standard output."""
    sys.stdout.write(text + "\n")


def run(app: typer.Typer) -> None:
    """Run the command line; typed errors become one line, a hint and an exit code."""
    try:
        app(standalone_mode=False)
    except AfgenError as error:
        _complain(error)
        sys.exit(error.exit_code)
    except typer.Abort:
        sys.exit(130)
    except KeyboardInterrupt:
        console.print("\nStopped. What was finished is kept: go on with [bold]--resume[/].")
        sys.exit(130)
    except Exception as error:
        usage = getattr(error, "show", None)
        if usage is None:
            raise
        usage()
        sys.exit(getattr(error, "exit_code", 2))


def _complain(error: AfgenError) -> None:
    console.print(f"[bold red]error[/] ({error.code}): {error.message}", soft_wrap=True)
    if error.advice:
        console.print(f"       {error.advice}", soft_wrap=True)


def sources_of(**options: Any) -> "Sources":
    """Checked sources of a render. Raises OptionError."""
    from pydantic import ValidationError

    from afgen.render.settings import Sources

    if options["portrait"] is None:
        raise OptionError("no portrait given", hint="afgen render PORTRAIT CONVERSATION -o out.mp4")
    try:
        return Sources(**options)
    except ValidationError as error:
        raise _option_error(error) from None


def recordings_of(**options: Any) -> "Recordings":
    """Checked recordings of a conversation. Raises OptionError."""
    from pydantic import ValidationError

    from afgen.render.settings import Recordings

    try:
        return Recordings(**options)
    except ValidationError as error:
        raise _option_error(error) from None


def settings_of(**options: Any) -> "RenderSettings":
    """Checked settings. Raises OptionError."""
    from pydantic import ValidationError

    from afgen.render.settings import RenderSettings

    try:
        return RenderSettings(**options)
    except ValidationError as error:
        raise _option_error(error) from None


def _option_error(error: Any) -> OptionError:
    first = error.errors()[0]
    where = "--" + str(first["loc"][0]).removesuffix("_s").replace("_", "-") if first["loc"] else ""
    return OptionError(f"{where} {first['msg'].removeprefix('Value error, ')}".strip())


@contextmanager
def progress_bars() -> Iterator["Callable[[Progress], None]"]:
    """A bar for every stage of a long job, with its speed and the time left."""
    from rich.progress import (
        BarColumn,
        TaskID,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    from afgen.clock import FRAME_RATE_HZ

    columns = (
        TextColumn("{task.description:<14}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console, transient=False) as bars:
        tasks: dict[str, TaskID] = {}

        def show(progress: "Progress") -> None:
            if progress.stage not in tasks:
                tasks[progress.stage] = bars.add_task(progress.stage, total=None, speed="")
            task = tasks[progress.stage]
            rate = bars.tasks[task].finished_speed or bars.tasks[task].speed
            speed = f"{rate / FRAME_RATE_HZ:4.1f} x real time" if rate else ""
            bars.update(task, completed=progress.done, total=progress.total, speed=speed)

        yield show
