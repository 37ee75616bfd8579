"""Jobs from claim to end, with real renders of small pictures."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from afgen.errors import StorageUnavailableError
from afgen.jobs import service
from afgen.jobs.blobs.interface import Stored
from afgen.jobs.blobs.local import LocalBlobs
from afgen.jobs.outbound import Fetched, Limits, Tell
from afgen.jobs.states import JobState
from afgen.jobs.tables import Job
from afgen.media.audio import write_wav
from afgen.render.progress import Progress
from tests.service.clients import MANY, Client
from tests.service.servers import wait_until
from workers import render
from workers.holds import Hold
from workers.render import render_job
from workers.workshop import Workshop

pytestmark = pytest.mark.slow
At = Callable[[Hold], None]


def at_frame(monkeypatch: pytest.MonkeyPatch, frame: int, do: At) -> None:
    """Do something while the render is at a frame."""
    listen = Hold.listen

    def listening(self: Hold, progress: Progress) -> None:
        if (progress.stage, progress.done) == ("Rendering", frame):
            do(self)
        listen(self, progress)

    monkeypatch.setattr(Hold, "listen", listening)


def submit(client: Client, **inputs: str) -> Job:
    wanted = client.spec()
    given = wanted.inputs.model_copy(update=inputs)
    spec = wanted.model_copy(update={"inputs": given})
    return service.submit(
        client.store, client.queue, client.tenant.id, spec, most_active=MANY, depth=MANY
    )


def mute(client: Client) -> str:
    write_wav(client.files / "mute.wav", np.zeros(32_000, np.float32))
    return client.upload("mute.wav", duration_s=2)


def test_a_job_is_rendered_and_published(shop: Workshop, client: Client) -> None:
    job = client.job()
    render_job(shop, job.id)
    done = client.get(job)
    assert done.state is JobState.SUCCEEDED
    assert done.outputs is not None
    video = done.outputs["video"]
    assert video["blob_key"] == f"outputs/{client.tenant.id}/{job.id}/1/video.mp4"
    assert shop.blobs.head(video["blob_key"]).bytes == video["bytes"]
    report = json.loads(b"".join(shop.blobs.stream(done.outputs["report"]["blob_key"])))
    assert report["output_sha256"] == video["sha256"]
    assert "sources" not in report
    assert not list(shop.scratch.iterdir())
    assert not list(shop.blobs.list_prefix("work/"))
    render_job(shop, job.id)  # the same message again
    assert client.get(job).lease_token == 1


def test_a_message_of_no_job_is_dropped(shop: Workshop) -> None:
    render_job(shop, "job_00000000000000000000000000")


def test_what_cannot_be_used_fails_with_its_code(shop: Workshop, client: Client) -> None:
    job = submit(client, avatar_audio=mute(client))
    render_job(shop, job.id)
    failed = client.get(job)
    assert failed.state is JobState.FAILED
    assert failed.error is not None and failed.error["code"] == "audio_silent"
    assert not list(shop.scratch.iterdir())
    assert not list(shop.blobs.list_prefix("outputs/"))


def test_a_cancel_stops_the_render(
    shop: Workshop, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = client.job()
    frames: list[int] = []

    def cancel(hold: Hold) -> None:
        client.store.jobs.cancel(client.tenant.id, job.id)
        wait_until(lambda: client.get(job).state is JobState.CANCELED, "the cancel is confirmed")
        frames.append(0)

    at_frame(monkeypatch, 5, cancel)
    at_frame(monkeypatch, 6, lambda hold: frames.append(6))
    render_job(shop, job.id)
    assert frames == [0]
    assert not list(shop.blobs.list_prefix("outputs/"))


def test_who_lost_the_lease_publishes_nothing(
    shop: Workshop, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after SIGSTOP: the work goes on to its last frame before the loss is noticed."""
    job = client.job()

    def lose(hold: Hold) -> None:
        monkeypatch.setattr(Hold, "look", lambda self, heartbeat_s: None)
        shop.store.leases.hand_over(hold.lease)
        assert shop.store.leases.claim(job.id, "another") is not None

    at_frame(monkeypatch, 5, lose)
    render_job(shop, job.id)
    now = client.get(job)
    assert (now.state, now.lease_token, now.leased_by) == (JobState.RUNNING, 2, "another")
    assert now.outputs is None


def test_a_store_that_is_away_for_a_moment_costs_nothing(
    shop: Workshop, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = client.job()
    put, failures = LocalBlobs.put_file, [1, 2]

    def away(self: LocalBlobs, key: str, source: Path, *, if_absent: bool = False) -> Stored:
        if key.startswith("outputs/") and failures:
            failures.pop()
            raise StorageUnavailableError("away")
        return put(self, key, source, if_absent=if_absent)

    monkeypatch.setattr(LocalBlobs, "put_file", away)
    render_job(shop, job.id)
    assert (client.get(job).state, client.get(job).attempts) == (JobState.SUCCEEDED, 1)


def test_a_fault_of_ours_is_another_attempt(
    shop: Workshop, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(render, "render_rows", fault)
    _, (first, second) = client.batch(2)
    render_job(shop, first.id)
    for job in (first, second):
        now = client.get(job)
        assert (now.state, now.attempts) == (JobState.QUEUED, 1)
        assert now.error is not None and now.error["code"] == "attempt_failed"


def test_small_jobs_of_a_batch_are_rows_of_one(shop: Workshop, client: Client) -> None:
    """One message renders them all."""
    _, jobs = client.batch(3)
    render_job(shop, jobs[0].id)
    done = [client.get(job) for job in jobs]
    assert {job.state for job in done} == {JobState.SUCCEEDED}
    hashes = {job.outputs["video"]["sha256"] for job in done if job.outputs is not None}
    assert len(hashes) == 3


def test_long_jobs_and_others_are_not_joined(shop: Workshop, client: Client) -> None:
    alone = replace(shop, settings=shop.settings.model_copy(update={"batch_row_s": 1.0}))
    _, jobs = client.batch(2)
    render_job(alone, jobs[0].id)
    assert [client.get(job).state for job in jobs] == [JobState.SUCCEEDED, JobState.QUEUED]


def test_inputs_at_an_address_are_fetched(shop: Workshop, client: Client) -> None:
    url = "https://example.org/voice.wav?at=once"
    asked: list[str] = []

    class Fetching:
        def download(self, url: str, path: Path, limits: Limits, tell: Tell) -> Fetched:
            asked.append(url)
            shutil.copy(client.files / "avatar-2.wav", path)
            return Fetched(1, "", None)

    job = submit(client, avatar_audio=url)
    render_job(replace(shop, outbound=Fetching()), job.id)
    assert (client.get(job).state, asked) == (JobState.SUCCEEDED, [url])
