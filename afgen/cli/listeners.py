"""`afgen bench listeners`: simulated listeners beside real ones."""

from pathlib import Path
from typing import Annotated

import typer

from afgen.cli.terminal import Json, print_json, print_table, say


def listeners(
    shards: Annotated[
        list[Path], typer.Argument(help="Folders of shards: each is a column of the table.")
    ],
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Draw a PNG of the same there.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What people do while they listen, with intervals: simulated ones beside real ones.

    Composed shards give simulated listeners, prepared recordings of two people real ones. What is
    counted: docs/listeners.md.

    [bold]Example[/]  afgen bench listeners simulated real --picture listeners.png
    """
    from afgen.evaluate.listening.listeners import measure_listeners
    from afgen.evaluate.listening.report import as_json as json_of
    from afgen.evaluate.listening.report import draw_listeners, table
    from afgen.media.files import writing

    columns = [measure_listeners(folder) for folder in shards]
    if picture is not None:
        with writing(picture):
            draw_listeners(columns, picture)
        say("[bold green]drawn[/] {}", picture)
    if as_json:
        print_json(json_of(columns))
    else:
        print_table(*table(columns))
