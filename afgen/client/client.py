"""The service as one object: a method for each thing that can be asked of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from afgen.client import uploads
from afgen.client.connection import Connection
from afgen.client.downloads import Tell, Wanted, download
from afgen.client.events import Event, Lost, follow, unheard
from afgen.client.values import Asset, Batch, Job, Output, Progress, Result, Run, Schedule

PAGE: Final = 100
VIDEO: Final = "video"
_OF_EVENTS: Final = ("state", "phase", "attempts", "progress", "error")

Wish = Mapping[str, Any]  # a body of the interface


@dataclass(frozen=True, slots=True)
class Client:
    """What a key allows at a service. All methods raise as `Connection.json` does."""

    connection: Connection

    def upload(self, path: Path, kind: uploads.Kind, tell: Tell) -> Asset:
        """Bring a file there; see `uploads.upload`."""
        return uploads.upload(self.connection, path, kind, tell)

    def submit(self, wish: Wish) -> Job:
        """Have a job made."""
        return Job.model_validate(self.connection.post("/v1/jobs", wish))

    def job(self, job_id: str) -> Job:
        """A job as it is now."""
        return Job.model_validate(self.connection.get(f"/v1/jobs/{job_id}"))

    def jobs(self, most: int, **filters: str | None) -> Iterator[Job]:
        """The newest jobs, by `state`, `batch_id` or `schedule_id` if wanted."""
        return map(Job.model_validate, self._listed("/v1/jobs", most, **filters))

    def cancel(self, job_id: str) -> Job:
        """Ask for a job to be stopped."""
        return Job.model_validate(self.connection.post(f"/v1/jobs/{job_id}/cancel"))

    def retry(self, job_id: str) -> Job:
        """Have a job that failed or was canceled made after all."""
        return Job.model_validate(self.connection.post(f"/v1/jobs/{job_id}/retry"))

    def watch(self, job_id: str, lost: Lost = unheard) -> Iterator[Job]:
        """A job as each event left it, from its beginning to its end; the last one is as it is."""
        job = self.job(job_id)
        if job.ended:
            yield job
            return
        job = job.model_copy(update={"progress": Progress(), "phase": None})
        for event in follow(self.connection, f"/v1/jobs/{job_id}/events", lost):
            job = _after(job, event)
            if job.ended and (now := self.job(job_id)).ended:  # else it was tried again since
                yield now
                return
            yield job

    def fetch(self, job: Job, target: Path, tell: Tell, name: str = VIDEO) -> None:
        """Bring a file that a job has made to `target`; see `downloads.download`."""
        self._fetch(f"/v1/jobs/{job.id}/outputs/{name}", job.outputs[name], target, tell)

    def submit_batch(self, name: str, items: Sequence[Wish]) -> Batch:
        """Have many jobs made; each item has a `key` and a `job`."""
        wish = {"name": name, "items": list(items)}
        return Batch.model_validate(self.connection.post("/v1/batches", wish))

    def submit_manifest(self, name: str, manifest: str) -> Batch:
        """Have the jobs made that an uploaded manifest lists."""
        wish = {"name": name, "manifest": manifest}
        return Batch.model_validate(self.connection.post("/v1/batches", wish))

    def cancel_batch(self, batch_id: str) -> Batch:
        """Ask for all jobs of a batch to be stopped that have not ended."""
        return Batch.model_validate(self.connection.post(f"/v1/batches/{batch_id}/cancel"))

    def batch(self, batch_id: str) -> Batch:
        """A batch as it is now."""
        return Batch.model_validate(self.connection.get(f"/v1/batches/{batch_id}"))

    def results(self, batch_id: str) -> Iterator[Result]:
        """What became so far of every item of a batch."""
        lines = self.connection.get_text(f"/v1/batches/{batch_id}/results").splitlines()
        return map(Result.model_validate_json, lines)

    def fetch_result(self, result: Result, target: Path, tell: Tell, name: str = VIDEO) -> None:
        """Bring a file of an item to `target`."""
        self._fetch(f"/v1/jobs/{result.job_id}/outputs/{name}", result.outputs[name], target, tell)

    def create_schedule(self, wish: Wish) -> Schedule:
        """Have a job made again and again."""
        return Schedule.model_validate(self.connection.post("/v1/schedules", wish))

    def schedules(self, most: int | None = None) -> Iterator[Schedule]:
        """All schedules, the newest first."""
        return map(Schedule.model_validate, self._listed("/v1/schedules", most))

    def schedule(self, schedule_id: str) -> Schedule:
        """One schedule."""
        return Schedule.model_validate(self.connection.get(f"/v1/schedules/{schedule_id}"))

    def runs(self, schedule_id: str, most: int) -> Iterator[Run]:
        """What became of the latest due times."""
        found = self.connection.get(f"/v1/schedules/{schedule_id}/runs", limit=most)
        return map(Run.model_validate, found)

    def pause(self, schedule_id: str) -> Schedule:
        """Make no more jobs by a schedule, for now."""
        return self._schedule(schedule_id, "pause")

    def resume(self, schedule_id: str) -> Schedule:
        """Make jobs by a schedule again."""
        return self._schedule(schedule_id, "resume")

    def run(self, schedule_id: str) -> Job:
        """Make a schedule's job right now."""
        return Job.model_validate(self.connection.post(f"/v1/schedules/{schedule_id}/run"))

    def delete_schedule(self, schedule_id: str) -> None:
        """Forget a schedule; its jobs stay."""
        self.connection.delete(f"/v1/schedules/{schedule_id}")

    def _schedule(self, schedule_id: str, verb: str) -> Schedule:
        answer = self.connection.post(f"/v1/schedules/{schedule_id}/{verb}")
        return Schedule.model_validate(answer)

    def _fetch(self, path: str, output: Output, target: Path, tell: Tell) -> None:
        wanted = Wanted(path, output.bytes, output.sha256)
        download(self.connection, wanted, target, tell)

    def _listed(self, path: str, most: int | None, **filters: str | None) -> Iterator[Any]:
        """The items of a list, page by page, until `most` or the end."""
        return islice(self._pages(path, most, filters), most)

    def _pages(
        self, path: str, most: int | None, filters: Mapping[str, str | None]
    ) -> Iterator[Any]:
        limit, cursor = min(PAGE, most or PAGE), None
        while True:
            page = self.connection.get(path, limit=limit, cursor=cursor, **filters)
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return


def _after(job: Job, event: Event) -> Job:
    """A job after an event: what the event says of it is new, the rest stays.

    A new state has no phase yet, and how many wait before it no event tells.
    """
    said = event.data.get("data", event.data)
    changes = {name: said[name] for name in _OF_EVENTS if name in said}
    if "state" in said:
        changes.setdefault("phase", None)
    return Job.model_validate({**job.model_dump(), "queue_position": None, **changes})
