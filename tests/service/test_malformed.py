"""Fifty files that are not what they seem: each job fails with its code; the worker lives on."""

import random
from pathlib import Path

import pytest

from afgen.jobs.service import submit as submit_job
from afgen.jobs.settings import ServiceSettings
from afgen.jobs.states import ENDED, JobState
from afgen.jobs.tables import Job
from tests.media.bad_inputs import BAD_PORTRAITS, BAD_RECORDINGS, BadInput
from tests.service.clients import MANY, Client
from tests.service.fixtures import Processes
from tests.service.servers import Spawned, wait_until

pytestmark = pytest.mark.slow
NO_UPLOADS = {"file_missing", "file_unreadable", "file_empty"}
DAMAGED = 6
PATIENCE_S = 600.0


def unusable() -> list[tuple[str, BadInput]]:
    """The role that each file is given."""
    recordings = [("avatar_audio", bad) for bad in BAD_RECORDINGS]
    portraits = [("portrait", bad) for bad in BAD_PORTRAITS]
    return [(role, bad) for role, bad in recordings + portraits if bad.code not in NO_UPLOADS]


def damaged(whole: Path, seed: int) -> Path:
    """A picture whose bytes after the first hundred are noise."""
    data = whole.read_bytes()
    path = whole.with_name(f"damaged-{seed}.png")
    path.write_bytes(data[:100] + random.Random(seed).randbytes(len(data) - 100))
    return path


def children(worker: Spawned) -> set[str]:
    return set(Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split())


def submit(client: Client, role: str, name: str) -> Job:
    spec = client.spec()
    inputs = spec.inputs.model_copy(update={role: client.upload(name)})
    spec = spec.model_copy(update={"inputs": inputs})
    return submit_job(
        client.store, client.queue, client.tenant.id, spec, most_active=MANY, depth=MANY
    )


def test_fifty_malformed_files_end_fifty_jobs_and_no_worker(
    client: Client, service: ServiceSettings, processes: Processes
) -> None:
    worker = processes.worker(service)
    client.wait(client.job(), JobState.SUCCEEDED)
    before = children(worker)
    expected: dict[str, str] = {}
    for role, bad in unusable():
        bad.make(client.files)
        expected[submit(client, role, bad.name).id] = bad.code
    for seed in range(DAMAGED):
        path = damaged(client.files / "portrait.png", seed)
        expected[submit(client, "portrait", path.name).id] = "media_corrupt"
    assert len(expected) >= 50
    last = client.job()
    wait_until(lambda: client.get(last).state in ENDED, "all have ended", PATIENCE_S)
    jobs = [client.store.jobs.get(client.tenant.id, job_id) for job_id in expected]
    codes = {job.id: (job.error or {}).get("code") for job in jobs}
    assert codes == expected
    assert {job.state for job in jobs} == {JobState.FAILED}
    assert client.get(last).state is JobState.SUCCEEDED
    assert children(worker) == before
