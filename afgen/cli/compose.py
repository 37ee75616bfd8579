"""The command that composes conversations to measure on."""

from pathlib import Path
from typing import Annotated

import typer

from afgen.cli.terminal import progress_bars, say, stoppable

AGAIN = "The folder has no index yet: the same command begins anew."
EXAMPLES = """[bold]Example[/]

  afgen prepare people-never-trained-on/ -o talking

  afgen compose talking -o held-out --conversations 24 --seconds 60

  afgen evaluate held-out -o table --system ours=portrait --without-user ours
"""


def compose(
    shards: Annotated[Path, typer.Argument(help="Prepared shards of people who talk.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the shards.")],
    conversations: Annotated[int, typer.Option(help="How many.", min=1)] = 24,
    seconds: Annotated[float, typer.Option(help="Length of each.", min=4)] = 60.0,
    seed: Annotated[int, typer.Option(help="Another seed, others.", min=0)] = 0,
    recorded: Annotated[
        bool, typer.Option("--recorded", help="Heard through rooms and microphones.")
    ] = False,
) -> None:
    """Compose conversations of recorded talking and simulated listeners, as shards to measure on.

    The same seed gives the same bytes, and none gives a conversation that training composes.
    """
    from afgen.clock import frames_in
    from afgen.data.composed import ComposeConfig, write_conversations
    from afgen.media.files import writing
    from afgen.render.progress import Progress

    config = ComposeConfig(conversations, frames_in(seconds), seed, recorded)
    with writing(output), stoppable(AGAIN), progress_bars() as show:

        def tell(done: int) -> None:
            show(Progress("Composing", done, conversations, unit="conversations"))

        write_conversations(shards, output, config, tell=tell)
    say("[bold green]done[/] {}", output)
