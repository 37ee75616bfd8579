"""docker-compose.yml, Dockerfile and .env.example, checked without Docker."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from moto.server import ThreadedMotoServer

from afgen.jobs.embedded.redis import find_redis_server
from afgen.jobs.settings import ServiceSettings
from tests.compose import EXAMPLE, ROOT, services, variables, whole
from tests.service.fixtures import Processes
from tests.service.servers import free_port, postgres_server, wait_until

OURS = ("migrate", "api", "worker", "worker-gpu", "beat")
GIVEN = {
    "AFGEN_PUBLIC_URL": "https://afgen.example.com",
    "AFGEN_S3_PUBLIC_ENDPOINT": "https://files.example.com",
    "AFGEN_SECRET_KEY": "for tests alone, and nothing but tests",
    "AFGEN_METRICS_TOKEN": "metrics-token",
    "AFGEN_POSTGRES_PASSWORD": "postgrespassword",
    "AFGEN_REDIS_PASSWORD": "redispassword",
    "AFGEN_S3_ACCESS_KEY": "accesskey",
    "AFGEN_S3_SECRET_KEY": "secretkey",
}
SERVICE_KEYS = {
    *("image", "build", "command", "environment", "depends_on", "healthcheck", "restart", "init"),
    *("read_only", "cap_drop", "security_opt", "networks", "ports", "volumes", "tmpfs", "profiles"),
    *("deploy", "logging", "stop_grace_period", "shm_size"),
}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}

SERVICES = services(GIVEN)
each_service = pytest.mark.parametrize("name", SERVICES)
each_of_ours = pytest.mark.parametrize("name", OURS)


def test_all_parts_are_there() -> None:
    assert SERVICES.keys() == {"postgres", "redis", "storage", *OURS}
    assert whole().keys() == {"name", "x-afgen", "x-worker", "services", "networks", "volumes"}


@each_service
def test_a_service_is_well_formed(name: str) -> None:
    service = SERVICES[name]
    assert service.keys() <= SERVICE_KEYS
    assert re.fullmatch(r"[a-z/]+:[\w.]+", service["image"]) and ":latest" not in service["image"]
    assert all(isinstance(word, str) for word in service["command"])
    assert all(isinstance(value, str) for value in service.get("environment", {}).values())
    for volume in service.get("volumes", ()):
        source, target = volume.split(":")[:2]
        assert source in whole()["volumes"] and target.startswith("/")
    assert set(service["networks"]) <= whole()["networks"].keys()


@each_service
def test_a_service_looks_after_itself(name: str) -> None:
    service = SERVICES[name]
    limits = service["deploy"]["resources"]["limits"]
    assert re.fullmatch(r"\d+[mg]", limits["memory"]) and float(limits["cpus"]) > 0
    assert service["read_only"] is True
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"]["max-size"]
    if name == "migrate":
        assert service["restart"] == "no" and service["healthcheck"] == {"disable": True}
    else:
        assert service["restart"] == "unless-stopped" and service["healthcheck"]["test"][0] == "CMD"


@each_service
def test_a_service_waits_for_what_it_needs(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        assert how["condition"] in CONDITIONS
        if how["condition"] == "service_healthy":
            assert "test" in SERVICES[needed]["healthcheck"]
        if how["condition"] == "service_completed_successfully":
            assert SERVICES[needed]["restart"] == "no"


@each_service
def test_only_this_machine_reaches_a_port(name: str) -> None:
    ports = SERVICES[name].get("ports", [])
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert bool(ports) == (name in ("api", "storage"))
    assert name not in ("postgres", "redis") or SERVICES[name]["networks"] == ["inside"]


def test_no_secret_has_a_default() -> None:
    defaults = {name: value for name, value in variables().items() if value is not None}
    assert not [name for name in defaults if re.search("KEY|SECRET|PASSWORD|TOKEN", name)]
    assert variables().keys() - defaults.keys() == GIVEN.keys()


@pytest.mark.parametrize("missing", GIVEN)
def test_what_has_to_be_given_is_asked_for(missing: str) -> None:
    with pytest.raises(KeyError, match=missing):
        services({name: value for name, value in GIVEN.items() if name != missing})


def test_the_example_names_every_variable() -> None:
    lines = re.findall(r"^(#?)([A-Z]\w+)=(.*)$", EXAMPLE.read_text("utf-8"), re.MULTILINE)
    assert {name for _, name, _ in lines} == variables().keys()
    for comment, name, value in lines:
        default = variables()[name]
        assert bool(comment) == (default is not None)
        assert value == default if comment else not value or value.startswith("https://")


@each_of_ours
def test_settings_know_every_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = SERVICES[name]["environment"]
    known = {f"AFGEN_{field.upper()}" for field in ServiceSettings.model_fields}
    assert environment.keys() <= known
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    settings = ServiceSettings()
    assert settings.environment == "production"
    assert settings.storage_url == "s3://afgen"
    for secret in ("AFGEN_SECRET_KEY", "AFGEN_S3_SECRET_KEY", "AFGEN_METRICS_TOKEN"):
        assert GIVEN[secret] not in repr(settings)


@each_of_ours
def test_our_programs_may_do_nothing_special(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"] and service["init"] is True
    writable = {volume.split(":")[1] for volume in service.get("volumes", ())}
    assert "/scratch" in writable | set(service.get("tmpfs", ()))


def test_the_image_runs_as_nobody_special_and_holds_only_the_project() -> None:
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    stages = [line for line in lines if line.startswith("FROM ")]
    last = lines[lines.index(stages[-1]) :]
    assert len(stages) == 2 and "USER afgen" in last and 'ENTRYPOINT ["afgen"]' in last
    assert any(line.startswith("HEALTHCHECK ") for line in last)
    copied = {
        line.split()[1] for line in lines if line.startswith("COPY ") and "--from" not in line
    }
    copied |= {"README.md", "LICENSE"}
    assert all((ROOT / name).exists() for name in copied)
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert ignored[1] == "*" and {line[1:] for line in ignored if line[0] == "!"} == copied


def test_a_worker_on_a_gpu_is_started_as_any_other() -> None:
    assert SERVICES["worker-gpu"]["command"] == SERVICES["worker"]["command"]


@pytest.fixture
def storage() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def database() -> Iterator[str]:
    """An empty database of PostgreSQL with the options of the file."""
    program, *options = SERVICES["postgres"]["command"]
    assert program == "postgres"
    with postgres_server() as server:
        url = server.new_database()
        server.restart(options=options)
        with psycopg.connect(url) as connection:
            assert connection.execute("SHOW max_connections").fetchone() == ("200",)
            assert connection.execute("SHOW shared_buffers").fetchone() == ("256MB",)
        yield url


@pytest.fixture
def broker(processes: Processes, tmp_path: Path) -> str:
    """The Redis of the file, by its own command."""
    port = free_port()
    program, *options = SERVICES["redis"]["command"]
    assert program == "redis-server"
    command = [str(find_redis_server()), *options, "--port", str(port), "--dir", str(tmp_path)]
    processes.start("redis", command, {})
    url = f"redis://:{GIVEN['AFGEN_REDIS_PASSWORD']}@127.0.0.1:{port}/0"
    with redis.Redis.from_url(url, retry_on_error=[redis.ConnectionError]) as client:
        wait_until(lambda: _pings(client), "Redis answers")
        kept = {name: client.config_get(name)[name] for name in ("appendonly", "maxmemory-policy")}
    assert kept == {"appendonly": "yes", "maxmemory-policy": "noeviction"}
    return url


def _pings(client: "redis.Redis") -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


@pytest.mark.slow
def test_every_command_works_as_it_is_written(
    processes: Processes, database: str, broker: str, storage: str
) -> None:
    here = {
        "AFGEN_DATABASE_URL": database,
        "AFGEN_REDIS_URL": broker,
        "AFGEN_S3_ENDPOINT": storage,
    }
    port = str(free_port())

    def start(name: str, words: list[str]) -> Any:
        there = [word.replace("8000", port) for word in words]
        return processes.start(name, there, {**SERVICES[name]["environment"], **here})

    def program(name: str) -> Any:
        return start(name, [sys.executable, "-m", "afgen.cli", *SERVICES[name]["command"]])

    def is_well(name: str) -> bool:
        how, interpreter, *rest = SERVICES[name]["healthcheck"]["test"]
        assert (how, interpreter) == ("CMD", "python")
        return start(name, [sys.executable, *rest]).process.wait(120) == 0

    migrate = program("migrate")
    assert migrate.process.wait(120) == 0, migrate.said
    api, worker, beat = program("api"), program("worker"), program("beat")
    wait_until(lambda: "beat is up" in beat.said, "beat is up")
    wait_until(lambda: " ready." in worker.said, "the worker is ready", 180)
    wait_until(lambda: is_well("api"), "the API is well", 180)
    assert is_well("worker") and is_well("beat")
    assert api.running and worker.running and beat.running
    beat.stop()
    worker.stop(60)
    assert (beat.process.returncode, worker.process.returncode) == (0, 0), worker.said
