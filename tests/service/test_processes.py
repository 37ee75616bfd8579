"""The whole service as processes: PostgreSQL, Redis, a worker and the clock, with real renders."""

import time

import pytest

from afgen.jobs.settings import ServiceSettings
from afgen.jobs.states import JobState, Priority
from tests.service.clients import PATIENCE_S, Client
from tests.service.fixtures import Processes

pytestmark = pytest.mark.slow


def test_a_job_goes_through(client: Client, service: ServiceSettings, processes: Processes) -> None:
    processes.worker(service)
    job = client.job()
    done = client.wait(job, JobState.SUCCEEDED, JobState.FAILED)
    assert (done.state, done.attempts, done.error) == (JobState.SUCCEEDED, 1, None)


def test_a_worker_told_to_stop_hands_over(
    client: Client, service: ServiceSettings, processes: Processes
) -> None:
    first = processes.worker(service)
    job = client.job(12)
    client.wait_until_drawn(job, 5)
    began_s = time.monotonic()
    first.process.terminate()
    handed = client.wait(job, JobState.QUEUED)
    assert handed.attempts == 0
    first.process.wait(PATIENCE_S)
    assert time.monotonic() - began_s < 30
    processes.worker(service)
    assert client.wait(job, JobState.SUCCEEDED).lease_token == 2


def test_an_interactive_job_does_not_wait_for_a_batch(
    client: Client, service: ServiceSettings, processes: Processes
) -> None:
    """One worker, 32 s of a batch under way: they are put aside at the end of a segment."""
    processes.worker(service)
    _, (long,) = client.batch(1, seconds=32)
    client.wait_until_drawn(long, 5)
    urgent = client.job()
    assert client.wait(urgent, JobState.SUCCEEDED).priority is Priority.INTERACTIVE
    assert client.get(long).state is not JobState.SUCCEEDED
    done = client.wait(long, JobState.SUCCEEDED)
    assert (done.attempts, done.lease_token) == (1, 2)
