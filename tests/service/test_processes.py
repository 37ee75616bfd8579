"""The whole service as processes: PostgreSQL, Redis, a worker and the clock, with real renders."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from afgen.jobs.blobs.opening import open_blobs
from afgen.jobs.queue import open_queue
from afgen.jobs.settings import ServiceSettings
from afgen.jobs.states import JobState, Phase, Priority
from afgen.jobs.store import open_store
from afgen.jobs.tables import Job
from afgen.media.audio import write_wav
from afgen.media.images import save_png
from migrations import upgrade
from tests.render.untrained import voice
from tests.service.clients import Client
from tests.service.fixtures import Processes, SettingsFactory
from tests.service.servers import wait_until

pytestmark = pytest.mark.slow
PATIENCE_S = 180.0


@pytest.fixture
def service(settings: SettingsFactory, postgres_url: str, redis_url: str) -> ServiceSettings:
    made = settings(database_url=postgres_url, redis_url=redis_url)
    upgrade(made)
    return made


@pytest.fixture
def client(service: ServiceSettings, tmp_path: Path) -> Iterator[Client]:
    save_png(np.asarray(data.astronaut(), np.uint8), tmp_path / "portrait.png")
    for seconds in (2, 12, 32):
        write_wav(tmp_path / f"user-{seconds}.wav", voice(seconds, 120.0))
        write_wav(tmp_path / f"avatar-{seconds}.wav", voice(seconds, 210.0))
    store, blobs = open_store(service), open_blobs(service)
    yield Client(store, blobs, open_queue(service.redis_url), tmp_path)
    store.close()


def wait_for(client: Client, job: Job, *states: JobState) -> Job:
    wait_until(lambda: client.get(job).state in states, f"the job is {states}", PATIENCE_S)
    return client.get(job)


def wait_until_drawn(client: Client, job: Job, frames: int) -> None:
    def drawn() -> bool:
        now = client.get(job)
        return now.phase is Phase.RENDERING and now.progress_done >= frames

    wait_until(drawn, f"{frames} frames are drawn", PATIENCE_S)


def test_a_job_goes_through(client: Client, service: ServiceSettings, processes: Processes) -> None:
    processes.worker(service)
    job = client.job()
    done = wait_for(client, job, JobState.SUCCEEDED, JobState.FAILED)
    assert (done.state, done.attempts, done.error) == (JobState.SUCCEEDED, 1, None)


def test_a_worker_told_to_stop_hands_over(
    client: Client, service: ServiceSettings, processes: Processes
) -> None:
    first = processes.worker(service)
    job = client.job(12)
    wait_until_drawn(client, job, 5)
    began_s = time.monotonic()
    first.process.terminate()
    handed = wait_for(client, job, JobState.QUEUED)
    assert handed.attempts == 0
    first.process.wait(PATIENCE_S)
    assert time.monotonic() - began_s < 30
    processes.worker(service)
    assert wait_for(client, job, JobState.SUCCEEDED).lease_token == 2


def test_an_interactive_job_does_not_wait_for_a_batch(
    client: Client, service: ServiceSettings, processes: Processes
) -> None:
    """One worker, 32 s of a batch under way: they are put aside at the end of a segment."""
    processes.worker(service)
    _, (long,) = client.batch(1, seconds=32)
    wait_until_drawn(client, long, 5)
    urgent = client.job()
    assert wait_for(client, urgent, JobState.SUCCEEDED).priority is Priority.INTERACTIVE
    assert client.get(long).state is not JobState.SUCCEEDED
    done = wait_for(client, long, JobState.SUCCEEDED)
    assert (done.attempts, done.lease_token) == (1, 2)
