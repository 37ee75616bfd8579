"""What commands that speak to the service share: where it is, and files on their way."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afgen.cli.terminal import console, progress_bars

if TYPE_CHECKING:
    from afgen.client.client import Client

WORTH_A_LINE_BYTES = 16 << 20

Url = Annotated[
    str | None,
    typer.Option(help="Of the service: $AFGEN_URL, else what `afgen up` noted."),
]
ApiKey = Annotated[
    str | None,
    typer.Option(help="To the service: $AFGEN_API_KEY, else what `afgen up` noted."),
]
Bytes = Callable[[int, int], None]  # there, in all


@contextmanager
def service(url: str | None, api_key: str | None) -> Iterator["Client"]:
    """The service that the options, the environment or the profile name."""
    from afgen.client.client import Client
    from afgen.client.connection import Connection
    from afgen.client.profile import find_profile

    with Connection(find_profile(url, api_key)) as connection:
        yield Client(connection)


@contextmanager
def transfers() -> Iterator[Callable[[Path], Bytes]]:
    """A bar for each file on its way: `with transfers() as of: send(path, tell=of(path))`.

    Logs are spared the small ones.
    """
    from afgen.render.progress import Progress

    with progress_bars() as show:

        def of(path: Path) -> Bytes:
            def tell(done: int, total: int) -> None:
                if console.is_terminal or total > WORTH_A_LINE_BYTES:
                    show(Progress(path.name, done, total, "bytes"))

            return tell

        yield of
