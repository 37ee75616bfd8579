"""What one machine runs: Redis, then the API, a worker and beat, on the data of one folder."""

import os
import secrets
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import httpx

from afgen.jobs.embedded.folder import DataFolder
from afgen.jobs.embedded.redis import redis_program, redis_url
from afgen.jobs.embedded.supervisor import Program

THIS_MACHINE: Final = "127.0.0.1"
_ANSWER_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Stack:
    """The programs and the settings that they share."""

    folder: DataFolder
    host: str
    port: int
    redis_port: int
    redis_password: str = field(default_factory=lambda: secrets.token_hex(24), repr=False)

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
            _command("serve", "--host", self.host, "--port", str(self.port)),
            self.folder.log("api"),
            self.environment,
            ready=lambda: _answers(self.url),
        )

    @property
    def _worker(self) -> Program:
        """A child that is still loading models hears of no end but by a signal of its own."""
        return replace(self._afgen("worker"), all_told=True)

    def _afgen(self, name: str) -> Program:
        return Program(name, _command(name), self.folder.log(name), self.environment)


def free_port(wanted: int, host: str = THIS_MACHINE) -> int:
    """`wanted` if nobody listens there, else some port that is free right now."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise AssertionError("the system always has a free port")


def _command(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "afgen.cli", *arguments)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=_ANSWER_S).is_success
    except httpx.TransportError:
        return False
