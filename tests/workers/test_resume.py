"""A worker that ends in the middle, and its successor: 12 s, a segment of 10 s and a rest."""

from dataclasses import replace
from pathlib import Path

import pytest

from afgen.jobs.blobs.layout import work_prefix
from afgen.jobs.states import JobState, Priority
from afgen.jobs.tables import Job
from tests.service.clients import Client
from tests.service.servers import wait_until
from tests.workers.test_render import at_frame
from workers import render
from workers.holds import Hold
from workers.render import render_job
from workers.workshop import Workshop

pytestmark = pytest.mark.slow
SEGMENT_FRAMES = 250


class Killed(BaseException):
    """What a process gets that is killed."""


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def wait_for_segment(shop: Workshop, job: Job) -> None:
    prefix = work_prefix(job.id)

    def stored() -> bool:
        return any(blob.key.endswith("000000.mp4") for blob in shop.blobs.list_prefix(prefix))

    wait_until(stored, "the first segment is stored")


def sha256_of(client: Client, job: Job) -> str:
    done = client.get(job)
    assert done.state is JobState.SUCCEEDED and done.outputs is not None
    return str(done.outputs["video"]["sha256"])


def test_a_successor_goes_on_from_the_last_stored_segment(
    shop: Workshop, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed, job = client.job(12), client.job(12)
    render_job(shop, undisturbed.id)
    drawn: list[int] = []

    def killed(hold: Hold) -> None:
        if hold.lease.token == 1:
            wait_for_segment(shop, job)
            raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        at_frame(patched, SEGMENT_FRAMES + 30, killed)
        render_job(shop, job.id)
    claimed = client.get(job)
    shop.store.leases.hand_over(Hold(claimed, shop.store.leases, 1.0, lambda: 0.0).lease)
    for frame in (SEGMENT_FRAMES, SEGMENT_FRAMES + 1):
        at_frame(monkeypatch, frame, lambda hold, frame=frame: drawn.append(frame))
    elsewhere = tmp_path / "another machine"
    elsewhere.mkdir()
    render_job(replace(shop, scratch=elsewhere), job.id)
    assert drawn == [SEGMENT_FRAMES + 1]
    assert sha256_of(client, job) == sha256_of(client, undisturbed)


def test_a_batch_makes_room_at_the_end_of_a_segment(
    shop: Workshop, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render, "MOMENT_S", 0.0)
    _, (job,) = client.batch(1, seconds=12)
    urgent = client.job()

    def wait(hold: Hold) -> None:
        wait_until(lambda: client.get(job).state is JobState.QUEUED, "the batch has made room")

    with monkeypatch.context() as patched:
        at_frame(patched, SEGMENT_FRAMES + 30, wait)
        render_job(shop, job.id)
    handed = client.get(job)
    assert (handed.state, handed.attempts) == (JobState.QUEUED, 0)
    assert client.queue.sent[-1] == (Priority.BATCH, job.id)
    render_job(shop, urgent.id)
    render_job(shop, job.id)
    assert sha256_of(client, job) and client.get(job).lease_token == 2
