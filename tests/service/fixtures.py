"""Fixtures on real servers, for all tests: each test has an empty database and an empty Redis."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from afgen.jobs.settings import ServiceSettings
from tests.service.servers import (
    PostgresServer,
    RedisServer,
    Spawned,
    free_port,
    postgres_server,
    python,
    wait_until,
)

SettingsFactory = Callable[..., ServiceSettings]
_LOG_TAIL = 4000


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis")).start()
    yield server
    server.kill()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """A Redis with nothing in it."""
    with redis_server.client() as client:
        client.flushall()
    return redis_server.url


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> str:
    """An empty PostgreSQL database of this test's own; tables are the test's to make."""
    return postgres.new_database()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite database of this test's own that does not exist yet."""
    return f"sqlite:///{tmp_path / 'service.db'}"


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path) -> SettingsFactory:
    """Settings of a service of this test's own: SQLite, a folder, short leases.

    Example: settings(database_url=postgres_url, redis_url=redis_url, lease_s=2)
    """

    def made(**changed: Any) -> ServiceSettings:
        (tmp_path / "storage").mkdir(exist_ok=True)
        mine = {
            "environment": "dev",
            "database_url": sqlite_url,
            "redis_url": "redis://127.0.0.1:1/0",  # nobody is there, unless the test says who
            "storage_url": (tmp_path / "storage").as_uri(),
            "secret_key": "for tests alone, and nothing but tests",
            "lease_s": 6,
            "heartbeat_s": 1,
            "sweep_s": 1,
        }
        return ServiceSettings(**{**mine, **changed})

    return made


def environment_of(settings: ServiceSettings) -> dict[str, str]:
    """The environment from which a process reads the same settings."""
    plain = settings.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    secrets = {
        name: value.get_secret_value()
        for name, value in settings
        if hasattr(value, "get_secret_value")
    }
    return {
        f"AFGEN_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in {**plain, **secrets}.items()
    }


def api_command(port: int) -> list[str]:
    """The command line of the API."""
    app = ("--factory", "api.app:create_app")
    return python("-m", "uvicorn", *app, "--port", str(port), "--log-level", "warning")


class Processes:
    """Processes of the service, all stopped at the end; what they said is shown on failure."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[Spawned] = []

    def start(self, name: str, command: list[str], env: Mapping[str, str]) -> Spawned:
        """Any process at all."""
        log = self._folder / f"{name}-{len(self._started)}.log"
        spawned = Spawned(name, command, log, {"OMP_NUM_THREADS": "1", **env})
        self._started.append(spawned)
        return spawned

    def worker(self, settings: ServiceSettings, *arguments: str, **env: str) -> Spawned:
        """A worker of all queues, ready for work."""
        command = python("-m", "workers", "worker", *arguments)
        spawned = self.start("worker", command, {**environment_of(settings), **env})
        wait_until(lambda: _says(spawned, " ready."), "the worker is ready")
        return spawned

    def beat(self, settings: ServiceSettings, **env: str) -> Spawned:
        """The clock of the service: sweep, schedules, retention, deliveries."""
        command = python("-m", "workers", "beat")
        return self.start("beat", command, {**environment_of(settings), **env})

    def api(
        self, settings: ServiceSettings, port: int | None = None, **env: str
    ) -> tuple[Spawned, str]:
        """The API and its base URL."""
        port = port or free_port()
        spawned = self.start("api", api_command(port), {**environment_of(settings), **env})
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _answers(spawned, url), "the API answers")
        return spawned, url

    def stop(self) -> None:
        """Stop all, the latest first, and write the end of what each said."""
        for spawned in reversed(self._started):
            spawned.stop()
        for spawned in self._started:
            tail = spawned.said[-_LOG_TAIL:]
            sys.stdout.write(f"----- {spawned.name} ({spawned.pid}) -----\n{tail}\n")


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    folder = tmp_path / "logs"
    folder.mkdir()
    started = Processes(folder)
    yield started
    started.stop()


def _says(spawned: Spawned, text: str) -> bool:
    assert spawned.running, f"{spawned.name} ended:\n{spawned.said[-_LOG_TAIL:]}"
    return text in spawned.said


def _answers(spawned: Spawned, url: str) -> bool:
    assert spawned.running, f"{spawned.name} ended:\n{spawned.said[-_LOG_TAIL:]}"
    with suppress(httpx.TransportError):
        return httpx.get(f"{url}/healthz").status_code < 500
    return False
