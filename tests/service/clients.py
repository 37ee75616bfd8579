"""A tenant who uploads and submits, by the functions that the API calls."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from afgen.jobs import service
from afgen.jobs.blobs.interface import Blobs
from afgen.jobs.ids import Kind, new_id
from afgen.jobs.queue import Queue
from afgen.jobs.spec import BatchItem, Inputs, JobSpec
from afgen.jobs.states import JobState, Phase, Priority
from afgen.jobs.store import Store
from afgen.jobs.store.assets import NewAsset
from afgen.jobs.tables import Batch, Job
from afgen.render.settings import RenderSettings
from tests.service.servers import wait_until

KEEP = timedelta(days=1)
MANY = 1000
PATIENCE_S = 300.0
QUICK = RenderSettings(size=128, nfe=3, device="cpu")


class Client:
    """Uploads files of a folder once each, and makes jobs of them."""

    def __init__(self, store: Store, blobs: Blobs, queue: Queue, files: Path) -> None:
        self.store = store
        self.blobs = blobs
        self.queue = queue
        self.files = files
        self.tenant = store.tenants.create("ours")
        self._uploaded: dict[str, str] = {}

    def upload(self, name: str, **facts: Any) -> str:
        """The id of a file of the folder, as if its upload had been examined."""
        if name not in self._uploaded:
            self._uploaded[name] = self._upload(self.files / name, facts)
        return self._uploaded[name]

    def job(self, seconds: int = 2, priority: Priority = Priority.INTERACTIVE) -> Job:
        """A job of so many seconds."""
        spec = self.spec(seconds, priority)
        return service.submit(
            self.store, self.queue, self.tenant.id, spec, most_active=MANY, depth=MANY
        )

    def batch(self, count: int, seconds: int = 2) -> tuple[Batch, list[Job]]:
        """A batch of jobs like that, with seeds of their own."""
        items = [
            BatchItem(key=f"item-{seed}", job=self.spec(seconds, Priority.BATCH, seed=seed))
            for seed in range(count)
        ]
        batch = service.submit_batch(
            self.store, self.queue, self.tenant.id, "some", items, most_active=MANY, depth=MANY
        )
        return batch, list(self.store.batches.items(self.tenant.id, batch.id))

    def spec(
        self, seconds: int = 2, priority: Priority = Priority.INTERACTIVE, **settings: Any
    ) -> JobSpec:
        """What a job of so many seconds asks for."""
        inputs = Inputs(
            portrait=self.upload("portrait.png"),
            user_audio=self.upload(f"user-{seconds}.wav", duration_s=seconds),
            avatar_audio=self.upload(f"avatar-{seconds}.wav", duration_s=seconds),
        )
        wanted = QUICK.model_copy(update=settings)
        return JobSpec(inputs=inputs, settings=wanted, priority=priority)

    def get(self, job: Job) -> Job:
        """The job as it is now."""
        return self.store.jobs.get(self.tenant.id, job.id)

    def wait(self, job: Job, *states: JobState) -> Job:
        """The job, once it is in one of these states."""
        words = " or ".join(states)
        wait_until(lambda: self.get(job).state in states, f"{job.id} is {words}", PATIENCE_S)
        return self.get(job)

    def wait_for_attempt(self, job: Job, attempt: int) -> Job:
        """The job, once a worker has begun this attempt."""

        def under_way() -> bool:
            now = self.get(job)
            return now.state is JobState.RUNNING and now.attempts == attempt

        wait_until(under_way, f"attempt {attempt} is under way", PATIENCE_S)
        return self.get(job)

    def wait_until_drawn(self, job: Job, frames: int) -> None:
        """Return once so many frames of a job are drawn."""

        def drawn() -> bool:
            now = self.get(job)
            return now.phase is Phase.RENDERING and now.progress_done >= frames

        wait_until(drawn, f"{frames} frames are drawn", PATIENCE_S)

    def _upload(self, path: Path, facts: dict[str, Any]) -> str:
        asset_id = new_id(Kind.ASSET, self.store.database.now())
        key = f"inputs/{self.tenant.id}/{asset_id}/{path.name}"
        stored = self.blobs.put_file(key, path)
        new = NewAsset(asset_id, "recording", path.name, "", stored.bytes, key, KEEP)
        self.store.assets.create(self.tenant.id, new, 10**12)
        self.store.assets.complete(
            self.tenant.id, asset_id, bytes=stored.bytes, sha256=stored.sha256, facts=facts,
            keep=KEEP,
        )  # fmt: skip
        return asset_id
