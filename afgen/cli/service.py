"""Commands that run the service: up, serve, worker, beat, migrate."""

import json
import os
import signal
import socket
import sys
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from afgen.cli.terminal import Json, console, print_json, say

if TYPE_CHECKING:
    from afgen.client.profile import Profile
    from afgen.jobs.embedded.stack import Stack

UP_EXAMPLES = """
[bold]Examples[/]

  afgen up            [dim]then, in another terminal:[/]

  afgen jobs submit me.jpg call.mp4 --wait -o out.mp4

  afgen up --data /srv/afgen --port 9000 --host 0.0.0.0
"""

# Longer than the minute of most proxies, which else now and then ask on a connection just closed.
KEEP_ALIVE_S = 75

Data = Annotated[
    Path | None,
    typer.Option(help="Folder of all data: $AFGEN_DATA, else ~/.local/share/afgen."),
]
Host = Annotated[
    str,
    typer.Option(help="Address to listen on; for 0.0.0.0 set AFGEN_PUBLIC_URL, too."),
]
Queues = Annotated[str, typer.Option(help="Which to serve; all if left out.")]


def up(
    data: Data = None,
    host: Host = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Of the API; a free one if it is taken.", envvar="AFGEN_PORT")
    ] = 8000,
    as_json: Json = False,
) -> None:
    """Run the whole service on this machine: API, worker, schedules. Needs no Docker.

    Database, files and logs lie in one folder. Ctrl-C stops all; jobs go on at the next start.
    """
    from afgen.jobs.embedded.folder import DataFolder, default_folder
    from afgen.jobs.embedded.stack import Stack, free_port, listening
    from migrations import upgrade

    os.umask(0o077)  # a folder that was there already may let others in
    folder = DataFolder((data or default_folder()).resolve())
    folder.prepare()
    for asked in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(asked, _interrupt)
    with folder.held(), listening(port, host) as listener:
        stack = Stack(folder, listener, free_port())
        if port not in (0, stack.port):
            say("[yellow]note[/] port {} is taken: the API gets {}", port, stack.port)
        upgrade(folder.settings)
        try:
            _run(stack, as_json)
        except KeyboardInterrupt:
            say("[yellow]stopped[/] Nothing is lost: `afgen up` goes on.")
            raise


def _run(stack: "Stack", as_json: bool) -> None:
    """Until Ctrl-C."""
    from afgen.jobs.embedded.supervisor import Supervisor

    with ExitStack() as running:
        with console.status("Starting Redis, the API, a worker and beat ..."):
            supervisor = running.enter_context(Supervisor(stack.waves, _tell))
        profile, is_new = _profile(stack)
        _welcome(stack, profile, is_new, as_json)
        for _ in supervisor.watch():
            pass


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """To be asked to end is to be interrupted."""
    raise KeyboardInterrupt


def _tell(name: str, what: str) -> None:
    say("[yellow]{}[/] {}", name, what)


def _profile(stack: "Stack") -> tuple["Profile", bool]:
    """Address and key of this service, for commands on this machine; whether the key is new."""
    from afgen.client.profile import Profile, profile_path, read_profile, write_profile
    from afgen.jobs.embedded.first_key import first_key

    kept = read_profile(stack.folder.profile)
    api_key = first_key(stack.folder.settings, kept.api_key if kept else None)
    is_new = kept is None or api_key != kept.api_key
    profile = Profile(stack.url, api_key)
    for path in (stack.folder.profile, profile_path()):
        write_profile(path, profile)
    return profile, is_new


def _welcome(stack: "Stack", profile: "Profile", is_new: bool, as_json: bool) -> None:
    if as_json:
        print_json(json.dumps({"url": profile.url, "api_key": profile.api_key}))
        sys.stdout.flush()
    say("[bold green]afgen is up[/] {}", profile.url)
    if is_new:
        say("  API key  [bold]{}[/]", profile.api_key)
        say("           [dim]shown this once; commands on this machine know it[/]")
    say("  data     {}", stack.folder.path)
    say("  try      afgen jobs submit me.jpg call.mp4 --wait -o out.mp4")
    say("  docs     {}/openapi.json", profile.url)
    say("  stop     Ctrl-C")


def serve(
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Of the API.")] = 8000,
    processes: Annotated[int, typer.Option(help="That answer requests.", min=1)] = 1,
    fd: Annotated[
        int | None, typer.Option(help="Of a socket that listens already.", hidden=True)
    ] = None,
) -> None:
    """Run the API alone; AFGEN_* variables say where database, Redis and storage are.

    [bold]Example[/]  afgen serve --host 0.0.0.0 --port 8000 --processes 4
    """
    import uvicorn

    from afgen.jobs.settings import load_settings
    from api.logs import log_config

    load_settings()
    options: dict[str, Any] = {
        "app": "api.app:create_app",
        "factory": True,
        "access_log": False,
        "log_config": log_config(),
        "timeout_keep_alive": KEEP_ALIVE_S,
        "timeout_graceful_shutdown": 3,  # streams of events have no end of their own
    }
    if fd is None:
        uvicorn.run(**options, host=host, port=port, workers=processes)
    else:
        with socket.socket(fileno=fd) as listener:
            uvicorn.Server(uvicorn.Config(**options)).run(sockets=[listener])


def worker(queues: Queues = "interactive,batch") -> None:
    """Run a worker; AFGEN_* variables say where database, Redis and storage are.

    [bold]Example[/]  afgen worker --queues batch
    """
    _become("workers", "worker", *queues.split(","))


def beat() -> None:
    """Run the clock of the service: schedules, retries, what was lost, what has expired.

    One of it is enough for a service.

    [bold]Example[/]  afgen beat
    """
    _become("workers", "beat")


def _become(module: str, *arguments: str) -> NoReturn:
    """Let this process be another one, which gets standard error back."""
    from afgen.jobs.settings import load_settings

    load_settings()
    os.dup2(sys.stderr.fileno(), 2)
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])


def migrate(data: Data = None) -> None:
    """Bring the database up to date: that of --data, of AFGEN_DATABASE_URL, or of `afgen up`.

    Makes the folder or bucket for files, too, if there is none yet.

    [bold]Example[/]  afgen migrate
    """
    from afgen.jobs.blobs.opening import open_blobs
    from afgen.jobs.embedded.folder import local_settings
    from migrations import upgrade

    settings = local_settings(data)
    upgrade(settings)
    open_blobs(settings).prepare()
    say("[bold green]done[/] The database is up to date.")
