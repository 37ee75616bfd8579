"""A Redis of our own."""

import os
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from afgen.errors import SetupError
from afgen.jobs.embedded.redis import find_redis_server, redis_program, redis_url
from afgen.jobs.embedded.supervisor import Supervisor
from tests.service.servers import free_port


def test_it_answers_only_who_knows_the_password(tmp_path: Path) -> None:
    port = free_port()
    program = redis_program(port, "opensesame", log=tmp_path / "log", environment=os.environ)
    assert not any("sesame" in word for word in program.command)
    with Supervisor([[program]], lambda *_: None):
        with redis.Redis.from_url(redis_url(port, "opensesame")) as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        with (
            redis.Redis(port=port, retry=Retry(NoBackoff(), 0)) as stranger,
            pytest.raises(redis.AuthenticationError),
        ):
            stranger.ping()


def test_without_any_server_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_redis_server().name == "redis-server"  # of the wheel
    monkeypatch.setattr("afgen.jobs.embedded.redis.find_spec", lambda name: None)
    with pytest.raises(SetupError) as raised:
        find_redis_server()
    assert "afgen[service]" in raised.value.advice
