"""Jobs and uploads as tests need them."""

from datetime import timedelta
from typing import Any

from afgen.jobs.ids import Kind, new_id
from afgen.jobs.spec import BatchItem, Inputs, JobSpec
from afgen.jobs.states import Priority
from afgen.jobs.store import Store
from afgen.jobs.store.assets import NewAsset
from afgen.jobs.store.leases import Lease, Result, lease_of
from afgen.jobs.store.moves import NewJob
from afgen.jobs.tables import Asset, Job

PLENTY = 1_000_000
ADDRESS = "https://example.com/portrait.png"
RESULT = Result({"video": {"blob_key": "outputs/video.mp4", "bytes": 7}}, seconds=2.5, bytes=7)


def spec_of(priority: Priority = Priority.INTERACTIVE, **inputs: str) -> JobSpec:
    return JobSpec(
        inputs=Inputs(**{"portrait": ADDRESS, "conversation": ADDRESS, **inputs}), priority=priority
    )


def new_job(store: Store, **spec: Any) -> NewJob:
    return NewJob(new_id(Kind.JOB, store.database.now()), spec_of(**spec))


def queued(store: Store, tenant_id: str, **spec: Any) -> Job:
    return store.jobs.create(tenant_id, new_job(store, **spec), PLENTY)


def running(store: Store, tenant_id: str) -> tuple[Job, Lease]:
    job = store.leases.claim(queued(store, tenant_id).id, "worker")
    assert job is not None
    return job, lease_of(job)


def claim_next(store: Store, priority: Priority, worker: str) -> Job | None:
    """The first that this worker gets of those that the sweep would tell of; None: none is left."""
    while unsent := store.outbox.unsent(priority, 50):
        for job_id in unsent:
            if (job := store.leases.claim(job_id, worker)) is not None:
                return job
    return None


def items(count: int, priority: Priority = Priority.BATCH) -> list[BatchItem]:
    return [BatchItem(key=f"item-{at:05d}", job=spec_of(priority)) for at in range(count)]


def uploaded(store: Store, tenant_id: str, size: int = 10) -> Asset:
    keep = timedelta(days=1)
    asset_id = new_id(Kind.ASSET, store.database.now())
    new = NewAsset(asset_id, "portrait", "a.png", "image/png", size, f"inputs/{asset_id}", keep)
    store.assets.create(tenant_id, new, PLENTY)
    return store.assets.complete(
        tenant_id, asset_id, bytes=size, sha256="0" * 64, facts={}, keep=keep
    )


def kinds(store: Store, job: Job) -> list[str]:
    return [event.kind for event in store.events.after(job.tenant_id, 0, job_id=job.id)]
