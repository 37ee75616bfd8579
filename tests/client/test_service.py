"""The client and the API as processes that come and go."""

import os
from pathlib import Path

import pytest

from afgen.client.client import Client
from afgen.client.connection import Connection
from afgen.client.profile import Profile
from afgen.errors import NotMediaError
from afgen.jobs.embedded.first_key import first_key
from migrations import upgrade
from tests.service.fixtures import Processes, SettingsFactory
from tests.service.servers import free_port

MIB = 2**20
SIZE = 70 * MIB  # above what goes in one piece


class WentAwayError(Exception):
    """The client has lost its patience, or its power."""


@pytest.mark.slow
def test_an_upload_goes_on_after_client_and_service_were_gone(
    settings: SettingsFactory, processes: Processes, redis_url: str, tmp_path: Path
) -> None:
    port = free_port()
    chosen = settings(redis_url=redis_url, public_url=f"http://127.0.0.1:{port}")
    upgrade(chosen)
    profile = Profile(chosen.public_url, first_key(chosen, None))
    file = tmp_path / "call.wav"
    file.write_bytes(os.urandom(SIZE))

    def leave(done: int, total: int) -> None:
        if done > 40 * MIB:
            raise WentAwayError

    service, _ = processes.api(chosen, port)
    with Connection(profile) as connection, pytest.raises(WentAwayError):
        Client(connection).upload(file, "recording", leave)
    service.kill()
    processes.api(chosen, port)
    told: list[int] = []
    with Connection(profile) as connection, pytest.raises(NotMediaError):
        Client(connection).upload(file, "recording", lambda done, total: told.append(done))
    assert min(told) > 32 * MIB  # two pieces had arrived, and are not sent again
    assert max(told) == SIZE
