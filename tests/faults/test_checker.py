"""The checker finds what it is there to find."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from afgen.jobs.blobs.links import Links
from afgen.jobs.blobs.local import LocalBlobs
from afgen.jobs.states import JobState
from afgen.jobs.tables import Event, Job
from tests.faults.checker import log_violations, output_violations, percentile

Told = tuple[str, int]
WELL: list[Told] = [
    ("job.queued", 0), ("job.running", 1), ("job.phase", 1), ("job.queued", 1),
    ("job.running", 2), ("job.phase", 2), ("job.succeeded", 2),
]  # fmt: skip


def log(told: list[Told]) -> list[Event]:
    return [Event(kind=kind, data={"lease_token": token}) for kind, token in told]


def test_a_lost_worker_and_a_successor_are_in_order() -> None:
    assert log_violations("job_1", log(WELL)) == []


@pytest.mark.parametrize(
    ("told", "word"),
    [
        ([*WELL, ("job.succeeded", 2)], "succeeded -> succeeded"),
        ([*WELL[:3], ("job.running", 2)], "running -> running"),
        ([*WELL[:4], ("job.running", 1)], "claimed twice with token 1"),
        ([*WELL[:6], ("job.phase", 1)], "token 1 after 2"),
        ([*WELL, ("job.phase", 2)], "job.phase while succeeded"),
        (WELL[1:], "begins as running"),
    ],
)
def test_what_must_not_be_is_found(told: list[Told], word: str) -> None:
    (found,) = log_violations("job_1", log(told))
    assert word in found


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(
        tmp_path, Links("http://here", "a secret of tests", lambda: datetime.now(UTC))
    )


def published(blobs: LocalBlobs, token: int = 2) -> Job:
    key = f"outputs/ten_1/job_1/{token}/video.mp4"
    stored = blobs.put_bytes(key, b"pictures")
    video = {"blob_key": key, "bytes": stored.bytes, "sha256": stored.sha256}
    return Job(id="job_1", state=JobState.SUCCEEDED, lease_token=2, outputs={"video": video})


def test_what_is_published_is_looked_at(blobs: LocalBlobs) -> None:
    job = published(blobs)
    assert job.outputs is not None
    sha256 = job.outputs["video"]["sha256"]
    assert output_violations(job, sha256, blobs) == []
    assert "undisturbed" in output_violations(job, "another", blobs)[0]
    assert "not of token 2" in output_violations(published(blobs, token=1), sha256, blobs)[0]
    blobs.put_bytes(job.outputs["video"]["blob_key"], b"fewer")
    assert "another length" in output_violations(job, sha256, blobs)[0]
    blobs.delete(job.outputs["video"]["blob_key"])
    assert len(output_violations(job, sha256, blobs)) == 1


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(value) for value in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.95, 1.0)] == [51.0, 96.0, 100.0]
    assert percentile([3.0], 0.95) == 3.0
