"""The whole service as processes: PostgreSQL, Redis, a worker and the clock, with real renders."""

import os
import signal

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
    first.process.terminate()
    handed = client.wait(job, JobState.QUEUED)
    assert handed.attempts == 0
    first.process.wait(PATIENCE_S)
    processes.worker(service)
    assert client.wait(job, JobState.SUCCEEDED).lease_token == 2


def test_a_job_whose_every_attempt_kills_the_process_fails_alone(
    client: Client, service: ServiceSettings, processes: Processes
) -> None:
    """As one does that takes all memory: it is tried as often as is allowed, and others go on."""
    processes.worker(service)
    processes.beat(service)
    poison = client.job(12)
    for attempt in range(1, service.max_attempts + 1):
        held = client.wait_for_attempt(poison, attempt)
        os.kill(int(str(held.leased_by).rpartition(":")[2]), signal.SIGKILL)
    failed = client.wait(poison, JobState.FAILED)
    assert failed.attempts == service.max_attempts
    assert failed.error is not None and failed.error["code"] == "worker_lost"
    assert client.wait(client.job(), JobState.SUCCEEDED).attempts == 1


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
