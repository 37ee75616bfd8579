"""The command that makes many pictures: render-all."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afgen.cli import options
from afgen.cli.terminal import Json, print_json, print_table, progress_bars, say, stoppable

if TYPE_CHECKING:
    from afgen.render.many import Result, Results

EXAMPLES = """
[bold]Examples[/]

  afgen render-all calls.csv -o videos --rows 4

  afgen render-all recordings/ --portrait me.jpg -o videos   [dim]one render a recording[/]

A list is a CSV file with a header line, or a JSON list of objects. Its columns are [bold]name[/],
the files ([bold]portrait[/], [bold]conversation[/], [bold]user_video[/], [bold]user_audio[/],
[bold]avatar_audio[/]), [bold]avatar[/], and the options of `afgen render` with _ for -, such as
[bold]full_frame[/] or [bold]guidance_user[/] (and [bold]start_s[/], [bold]end_s[/]). Cells may be
empty; paths are relative to the list.
"""
GO_ON = "What was finished is kept: the same command again does what is left."


def render_all(
    manifest: Annotated[
        Path, typer.Argument(help="List of renders (csv, json), or a folder of recordings.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the videos.")],
    rows: Annotated[
        int, typer.Option(help="Recordings generated side by side.", min=1, max=64)
    ] = 1,
    portrait: Annotated[Path | None, typer.Option(help="For all rows that name none.")] = None,
    preset: Annotated[str | None, typer.Option(help="For all rows that name none.")] = None,
    device: Annotated[str | None, typer.Option(help="For all rows that name none.")] = None,
    force: options.Force = False,
    as_json: Json = False,
) -> None:
    """Render a whole list of recordings with models loaded once; what is done already is skipped.

    Ends with exit code 2 when some could not be made; `results.json` in the folder says why.
    """
    from afgen.render.manifest import read_manifest
    from afgen.render.many import render_all as run

    given = {"portrait": portrait and portrait.absolute(), "preset": preset, "device": device}
    defaults = {column: value for column, value in given.items() if value is not None}
    items = read_manifest(manifest, defaults)
    with stoppable(GO_ON), progress_bars() as show:
        results = run(items, output, rows=rows, force=force, progress=show, tell=_tell)
    if as_json:
        print_json(results.model_dump_json(indent=2, exclude_none=True))
    else:
        _show_failed(results)
    _sum_up(results, output)
    if results.failed:
        raise typer.Exit(2)


def _tell(result: "Result") -> None:
    if result.error is not None:
        say("[bold red]failed[/] {} ({}): {}", result.name, result.error.code, result.error.message)
    else:
        say("[bold green]{}[/] {}", result.status, result.name)


def _show_failed(results: "Results") -> None:
    """A table of what was not made."""
    if results.failed:
        print_table(
            ("failed", "why", "what to do"),
            (
                (item.name, f"{item.error.message} ({item.error.code})", item.error.hint)
                for item in results.failed
                if item.error is not None
            ),
        )


def _sum_up(results: "Results", folder: Path) -> None:
    counts = {
        status: sum(item.status == status for item in results.items)
        for status in ("done", "skipped", "failed")
    }
    told = ", ".join(f"{number} {status}" for status, number in counts.items() if number)
    say("[bold green]done[/] {}  ({}; record in {})", folder, told, folder / "results.json")
