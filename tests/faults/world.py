"""A whole service to be hurt: database, broker, files, workers and the clock, as processes."""

import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from skimage import data
from sqlalchemy import select

from afgen.client.connection import Connection
from afgen.client.profile import Profile
from afgen.errors import AfgenError
from afgen.jobs.blobs.opening import open_blobs
from afgen.jobs.keys import Scope, create_key
from afgen.jobs.queue import open_queue
from afgen.jobs.settings import ServiceSettings
from afgen.jobs.states import JobState
from afgen.jobs.store import open_store, utc_now
from afgen.jobs.tables import Job
from afgen.media.audio import write_wav
from afgen.media.images import save_png
from migrations import upgrade
from tests.faults.proxy import FaultProxy
from tests.jobs.blobs.places import ACCESS_KEY, BUCKET, SECRET_KEY, rclone
from tests.render.untrained import voice
from tests.service.clients import Client
from tests.service.fixtures import api_command, environment_of
from tests.service.servers import (
    PostgresServer,
    RedisServer,
    Spawned,
    free_port,
    postgres_server,
    python,
    wait_until,
)

SKEW = Path(__file__).parent / "skew"
LENGTHS_S = (2, 4, 12)
SHORT: Mapping[str, float] = {"lease_s": 6.0, "heartbeat_s": 1.0, "sweep_s": 0.5, "resend_s": 5.0}
ATTEMPTS = 20  # a job may be hurt more often than the three times that are the default
STARTING_S = 300.0


class World:
    """The servers and processes. `workers` run side by side."""

    def __init__(
        self,
        folder: Path,
        settings: ServiceSettings,
        postgres: PostgresServer,
        redis: RedisServer,
        proxy: FaultProxy,
    ) -> None:
        self._folder = folder
        self.settings = settings
        self.postgres = postgres
        self.redis = redis
        self.proxy = proxy
        self.store = open_store(settings)
        self.blobs = open_blobs(settings)
        self.queue = open_queue(settings.redis_url)
        self.client = Client(self.store, self.blobs, self.queue, _files(folder / "files"))
        self.workers: list[Spawned] = []
        self.broken: list[str] = []  # promises that a fault itself saw broken
        self._started = 0
        self._port = free_port()
        self.api = self.start_api()
        self.remote = self._remote()

    def start(self, what: str, **env: str) -> Spawned:
        """A process of the service."""
        self._started += 1
        log = self._folder / f"{what}-{self._started}.log"
        environment = {**environment_of(self.settings), "OMP_NUM_THREADS": "1", **env}
        return Spawned(what, python("-m", "workers", what), log, environment)

    def start_worker(self, ahead_s: float = 0.0) -> Spawned:
        """One more worker, whose clock is `ahead_s` ahead."""
        skewed = {"PYTHONPATH": str(SKEW), "FAULTS_CLOCK_AHEAD_S": str(ahead_s)}
        worker = self.start("worker", **(skewed if ahead_s else {}))
        self.workers.append(worker)
        return worker

    def start_api(self) -> Spawned:
        """The API, where it was before."""
        self._started += 1
        log = self._folder / f"api-{self._started}.log"
        return Spawned("api", api_command(self._port), log, environment_of(self.settings))

    def _remote(self) -> Connection:
        key = create_key(
            self.store, self.client.tenant.id, "faults", frozenset(Scope), at=utc_now()
        )
        return Connection(Profile(f"http://127.0.0.1:{self._port}", key[1]))

    def new_recording(self) -> Path:
        """A file that nobody has uploaded yet."""
        self._started += 1
        path = self._folder / "files" / f"new-{self._started}.wav"
        write_wav(path, voice(4.0, 100.0 + self._started))
        return path

    def replace(self, worker: Spawned, ahead_s: float = 0.0) -> None:
        """Another one for a worker that has ended."""
        self.workers.remove(worker)
        self.start_worker(ahead_s)

    def jobs(self, *states: JobState) -> list[Job]:
        """All jobs in these states, by asking until the database answers."""
        chosen = select(Job).where(Job.state.in_(states)).order_by(Job.created_at, Job.id)
        return list(insist(lambda: self._read(chosen)))

    def holder(self, job: Job) -> tuple[Spawned, int] | None:
        """The worker that renders a job, and the number of its child process."""
        host, _, number = (job.leased_by or "").partition(":")
        if host != socket.gethostname() or not number:
            return None
        for worker in self.workers:
            with suppress(ProcessLookupError):
                if os.getpgid(int(number)) == worker.pid:
                    return worker, int(number)
        return None

    def stop(self) -> None:
        """End all workers."""
        for worker in self.workers:
            worker.signal_all(signal.SIGCONT)
            worker.kill()
        self.api.kill()
        self.store.close()

    def _read(self, chosen: Any) -> list[Job]:
        with self.store.database.read() as session:
            return list(session.scalars(chosen))


@contextmanager
def a_world(folder: Path, workers: int = 2, **times_s: float) -> Iterator[World]:
    """Everything started, on free ports, in `folder`; everything stopped at the end.

    `times_s` are settings that differ from the defaults.
    """
    for name in ("redis", f"s3/{BUCKET}"):
        (folder / name).mkdir(parents=True)
    with ExitStack() as stack:
        postgres = stack.enter_context(postgres_server())
        redis = RedisServer(folder / "redis").start()
        stack.callback(redis.kill)
        place = stack.enter_context(rclone(folder / "s3"))
        assert place.s3 is not None and place.s3.endpoint is not None
        proxy = FaultProxy(place.s3.endpoint)
        stack.callback(proxy.close)
        settings = ServiceSettings(
            environment="dev",
            database_url=postgres.new_database(),
            redis_url=redis.url,
            storage_url=f"s3://{BUCKET}/service",
            s3_endpoint=proxy.url,
            s3_access_key=ACCESS_KEY,
            s3_secret_key=SECRET_KEY,
            max_attempts=ATTEMPTS,
            **times_s,
        )
        upgrade(settings)
        world = World(folder, settings, postgres, redis, proxy)
        stack.callback(world.stop)
        beat = world.start("beat")
        stack.callback(beat.kill)
        for _ in range(workers):
            world.start_worker()
        yield world


def insist(call: Any, patience_s: float = STARTING_S) -> Any:
    """What `call` gives, tried until the servers answer."""
    end = time.monotonic() + patience_s
    while True:
        try:
            return call()
        except AfgenError as error:
            if not error.retryable or time.monotonic() > end:
                raise
        time.sleep(0.2)


def wait_for(world: World, true: Any, what: str, patience_s: float = STARTING_S) -> None:
    """Wait, as long as the database goes on answering now and then."""
    wait_until(lambda: insist(true), what, patience_s)


def _files(folder: Path) -> Path:
    folder.mkdir()
    save_png(np.asarray(data.astronaut(), np.uint8), folder / "portrait.png")
    for seconds in LENGTHS_S:
        write_wav(folder / f"user-{seconds}.wav", voice(seconds, 120.0))
        write_wav(folder / f"avatar-{seconds}.wav", voice(seconds, 210.0))
    return folder
