"""What one machine runs: Redis, then the API, a worker and beat, on the data of one folder."""

import os
import secrets
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

import httpx

from afgen.errors import OptionError
from afgen.jobs.embedded.folder import DataFolder
from afgen.jobs.embedded.redis import redis_program, redis_url
from afgen.jobs.embedded.supervisor import Program

THIS_MACHINE: Final = "127.0.0.1"
_ANSWER_S: Final = 2.0
_BACKLOG: Final = 1024


@dataclass(frozen=True, slots=True)
class Stack:
    """The programs and the settings that they share.

    The API answers at `listener`, which is ours: between the start of one and the next, nobody
    else can take the port, and requests wait instead of being refused.
    """

    folder: DataFolder
    listener: socket.socket
    redis_port: int
    redis_password: str = field(default_factory=lambda: secrets.token_hex(24), repr=False)

    @property
    def port(self) -> int:
        """Of the API."""
        return int(self.listener.getsockname()[1])

    @property
    def url(self) -> str:
        """Where the API is, seen from this machine."""
        return f"http://{THIS_MACHINE}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What every program runs in. Settings given from outside stay, but for the parts' own."""
        return {
            **os.environ,
            **self.folder.environment,
            "AFGEN_REDIS_URL": redis_url(self.redis_port, self.redis_password),
            "AFGEN_PUBLIC_URL": os.environ.get("AFGEN_PUBLIC_URL", self.url),
        }

    @property
    def waves(self) -> Sequence[Sequence[Program]]:
        """What to start, in this order."""
        redis = redis_program(
            self.redis_port,
            self.redis_password,
            log=self.folder.log("redis"),
            environment=os.environ,
        )
        return (redis,), (self._api, self._worker, self._afgen("beat"))

    @property
    def _api(self) -> Program:
        return Program(
            "api",
            _command("serve", "--fd", str(self.listener.fileno())),
            self.folder.log("api"),
            self.environment,
            ready=lambda: _answers(self.url),
            kept_open=(self.listener.fileno(),),
        )

    @property
    def _worker(self) -> Program:
        """A child that is still loading models hears of no end but by a signal of its own."""
        return replace(self._afgen("worker"), all_told=True)

    def _afgen(self, name: str) -> Program:
        return Program(name, _command(name), self.folder.log(name), self.environment)


def listening(wanted: int, host: str = THIS_MACHINE) -> socket.socket:
    """A socket that listens on `wanted` if nobody else does, else on some port that is free.

    Raises OptionError if there is no such address on this machine.
    """
    for port in (wanted, 0):
        with suppress(OSError):
            return socket.create_server((host, port), backlog=_BACKLOG)
    raise OptionError(
        f"This machine cannot listen on {host}.",
        hint="Give an address of its own with --host, or 0.0.0.0 for all of them.",
    )


def free_port() -> int:
    """Some port that is free right now."""
    with listening(0) as probe:
        return int(probe.getsockname()[1])


def _command(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "afgen.cli", *arguments)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=_ANSWER_S).is_success
    except httpx.TransportError:
        return False
