"""What must hold whatever happens, read from the event log, the rows and the stored files."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select

from afgen.errors import StorageError
from afgen.jobs.blobs.interface import Blobs
from afgen.jobs.states import MOVES, JobState
from afgen.jobs.store import Store
from afgen.jobs.tables import Event, Job

STATES = {f"job.{state}": state for state in JobState}


@dataclass
class Checker:
    """Remembers what was asked for and what has been looked at already."""

    store: Store
    blobs: Blobs
    expected: dict[str, str] = field(default_factory=dict)  # job id -> SHA-256 of its video
    asked: set[str] = field(default_factory=set)
    _seen: set[str] = field(default_factory=set)

    def violations(self) -> list[str]:
        """Every promise that is broken, in words."""
        with self.store.database.read() as session:
            jobs = {job.id: job for job in session.scalars(select(Job))}
            events = session.scalars(select(Event).order_by(Event.seq)).all()
        lost = [f"{job_id} is lost" for job_id in sorted(self.asked - jobs.keys())]
        by_job: dict[str, list[Event]] = defaultdict(list)
        for event in events:
            if event.job_id is not None:
                by_job[event.job_id].append(event)
        told = [word for job_id, log in by_job.items() for word in log_violations(job_id, log)]
        return [*lost, *told, *self._files(jobs)]

    def unfinished(self) -> list[str]:
        """Jobs that ended otherwise than they should, once all is over."""
        with self.store.database.read() as session:
            jobs = session.scalars(select(Job)).all()
        return [
            f"{job.id} is {job.state}: {job.error}"
            for job in jobs
            if job.state not in (JobState.SUCCEEDED, JobState.CANCELED)
        ]

    def _files(self, jobs: Mapping[str, Job]) -> list[str]:
        """Each published file is there, whole, and that of an undisturbed render."""
        found: list[str] = []
        for job in jobs.values():
            if job.state is not JobState.SUCCEEDED or job.id in self._seen:
                continue
            found += output_violations(job, self.expected.get(job.id), self.blobs)
            self._seen.add(job.id)
        return found


def log_violations(job_id: str, events: Iterable[Event]) -> list[str]:
    """Whether one job's events are a path through MOVES, with tokens that only grow."""
    found: list[str] = []
    before: JobState | None = None
    token = 0
    for event in events:
        its_token = int(event.data.get("lease_token", token))
        if its_token < token:
            found.append(f"{job_id}: token {its_token} after {token}")
        state = STATES.get(event.kind)
        if state is JobState.RUNNING and its_token <= token:
            found.append(f"{job_id}: claimed twice with token {its_token}")
        token = max(token, its_token)
        if state is None:
            if before not in (JobState.RUNNING, JobState.CANCELING):
                found.append(f"{job_id}: {event.kind} while {before}")
            continue
        if before is None and state is not JobState.QUEUED:
            found.append(f"{job_id}: begins as {state}")
        if before is not None and state not in MOVES[before]:
            found.append(f"{job_id}: {before} -> {state}")
        before = state
    return found


def output_violations(job: Job, expected_sha256: str | None, blobs: Blobs) -> list[str]:
    """Whether the files that a job's row names are there and are the right ones."""
    outputs = job.outputs or {}
    video: Mapping[str, object] = outputs.get("video", {})
    found: list[str] = []
    if f"/{job.id}/{job.lease_token}/" not in str(video.get("blob_key")):
        found.append(f"{job.id}: {video.get('blob_key')} is not of token {job.lease_token}")
    if expected_sha256 is not None and video.get("sha256") != expected_sha256:
        found.append(f"{job.id}: the bytes are not those of an undisturbed render")
    for output in outputs.values():
        try:
            if blobs.head(output["blob_key"]).bytes != output["bytes"]:
                found.append(f"{job.id}: {output['blob_key']} has another length")
        except StorageError as error:
            found.append(f"{job.id}: {error}")
    return found


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that this share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
