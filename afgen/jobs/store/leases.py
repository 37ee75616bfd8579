"""What workers do with jobs: claim one, and write for it as long as the lease is theirs.

A claim raises the job's `lease_token`; every later write names it (a fencing token, as in
Kleppmann, "How to do distributed locking", 2016), so a worker that slept through the end of its
lease can write nothing any more, whatever it believes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from afgen.errors import AfgenError, CancelRequestedError, LeaseLostError, WorkerLostError
from afgen.jobs.states import JobState, Phase
from afgen.jobs.store.database import Database, DatabaseTime, in_states
from afgen.jobs.store.events import Happening, lock_batches, record
from afgen.jobs.store.moves import JobRules, move
from afgen.jobs.store.usage import add_usage
from afgen.jobs.tables import Job, Json

_QUEUED = frozenset({JobState.QUEUED})
_RUNNING = frozenset({JobState.RUNNING})
_CANCELING = frozenset({JobState.CANCELING})


@dataclass(frozen=True, slots=True)
class Lease:
    """Who may write for a job: whoever holds its latest token."""

    job_id: str
    token: int


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a job. `outputs` is by name: blob_key, sha256, bytes, content_type."""

    outputs: Json
    seconds: float  # of video
    bytes: int


def lease_of(job: Job) -> Lease:
    """The lease that a claim gave."""
    return Lease(job.id, job.lease_token)


def error_record(error: AfgenError) -> Json:
    """An error as jobs and assets keep it."""
    return {
        "code": error.code,
        "message": error.message,
        "hint": error.advice,
        "retryable": error.retryable,
    }


class Leases:
    """Claims of jobs, and the writes of those that hold one.

    All writes raise LeaseLostError when the lease is no longer theirs, and all but `canceled`
    raise CancelRequestedError when the job is to be canceled: the worker then stops, and says so
    by `canceled`.
    """

    def __init__(self, database: Database, rules: JobRules) -> None:
        self._database = database
        self._rules = rules

    def claim(self, job_id: str, worker: str) -> Job | None:
        """Take the job that a message named. None: it is another's, or has ended: drop it."""
        with self._database.write() as session:
            return self._claimed(session, Job.id == job_id, worker)

    def heartbeat(self, lease: Lease) -> None:
        """Say that the worker lives: the lease begins anew."""
        with self._database.write() as session:
            self._write(session, lease, lease_until=DatabaseTime(self._rules.lease_s))

    def check(self, lease: Lease) -> None:
        """Look, without writing, whether the job is still to be rendered."""
        with self._database.read() as session:
            if session.scalar(select(Job.id).where(*_held(lease), in_states(_RUNNING))) is None:
                _refuse(session, lease)

    def enter(self, lease: Lease, phase: Phase) -> None:
        """Say what the worker is about to do."""
        with self._database.write() as session:
            job = self._write(session, lease, phase=phase, version=Job.version + 1)
            entered = Happening(
                job.tenant_id, "job.phase", {"job_id": job.id, "phase": phase,
                "lease_token": lease.token}, job.id, job.batch_id,
            )  # fmt: skip
            record(session, self._database.now(), [entered])

    def progress(self, lease: Lease, done: int, total: int | None) -> None:
        """Say how many frames are drawn. No event is written: the row tells."""
        with self._database.write() as session:
            self._write(
                session, lease, progress_done=done, progress_total=total, version=Job.version + 1
            )

    def finish(self, lease: Lease, result: Result) -> Job:
        """Publish: the job has succeeded and these outputs count. Doing it again changes nothing.

        State, outputs, event, deliveries and usage are written in one transaction.
        """
        at = self._database.now()
        with self._database.write() as session:
            moved = move(
                session, JobState.SUCCEEDED, at, *_held(lease),
                rules=self._rules, outputs=result.outputs, error=None,
                progress_done=func.coalesce(Job.progress_total, Job.progress_done),
            )  # fmt: skip
            if not moved:
                return _finished(session, lease)
            add_usage(session, moved[0].tenant_id, at, 1, result.seconds, result.bytes)
            return moved[0]

    def fail(self, lease: Lease, error: AfgenError) -> Job:
        """Say that an attempt failed: queued again if that may help, failed for good otherwise."""
        at = self._database.now()
        with self._database.write() as session:
            job = self._write(session, lease, error=error_record(error))
            if error.retryable and job.attempts < job.max_attempts:
                pause_s = self._rules.backoff_s * 2 ** (job.attempts - 1)
                later = {"queued_at": DatabaseTime(pause_s)}
                mine = Job.id == job.id
                return move(session, JobState.QUEUED, at, mine, rules=self._rules, **later)[0]
            return move(session, JobState.FAILED, at, Job.id == job.id, rules=self._rules)[0]

    def canceled(self, lease: Lease) -> Job:
        """Say that the worker has stopped, as was asked for."""
        at = self._database.now()
        mine = (*_held(lease), in_states(_CANCELING))
        with self._database.write() as session:
            moved = move(session, JobState.CANCELED, at, *mine, rules=self._rules)
            return moved[0] if moved else _refuse(session, lease)

    def hand_over(self, lease: Lease) -> Job:
        """Give a running job back for another worker to go on with; it costs no attempt."""
        at = self._database.now()
        back = {"attempts": Job.attempts - 1}
        with self._database.write() as session:
            moved = move(session, JobState.QUEUED, at, *_held(lease), rules=self._rules, **back)
            return moved[0] if moved else _refuse(session, lease)

    def take_back(self, limit: int = 100) -> Sequence[Job]:
        """Take jobs from workers that have fallen silent.

        Each is queued again; or canceled, if that was asked for; or has failed with its last
        error (worker_lost if there was none), if its attempts are used up.
        """
        over = (
            select(Job.id, Job.batch_id)
            .where(Job.lease_until < DatabaseTime())
            .order_by(Job.lease_until)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        with self._database.write() as session:
            rows = session.execute(over).all()
            if not rows:
                return []
            lock_batches(session, {batch for _, batch in rows if batch is not None})
            ids = [job for job, _ in rows]
            its, at, rules = Job.id.in_(ids), self._database.now(), self._rules
            running = (its, in_states(_RUNNING))
            left = Job.attempts < Job.max_attempts
            lost = error_record(WorkerLostError("The worker stopped without a word."))
            never_said = Job.error.is_(None)
            return [
                *move(session, JobState.CANCELED, at, its, in_states(_CANCELING), rules=rules),
                *move(session, JobState.QUEUED, at, *running, left, rules=rules),
                *move(session, JobState.FAILED, at, *running, never_said, rules=rules, error=lost),
                *move(session, JobState.FAILED, at, *running, rules=rules),
            ]

    def _claimed(self, session: Session, which: ColumnElement[bool], worker: str) -> Job | None:
        taken: dict[str, Any] = {
            "lease_token": Job.lease_token + 1,
            "leased_by": worker,
            "lease_until": DatabaseTime(self._rules.lease_s),
            "attempts": Job.attempts + 1,
            "started_at": self._database.now(),
        }
        at = self._database.now()
        moved = move(session, JobState.RUNNING, at, which, rules=self._rules, **taken)
        return moved[0] if moved else None

    def _write(self, session: Session, lease: Lease, **changes: Any) -> Job:
        writing = (
            update(Job)
            .where(*_held(lease), in_states(_RUNNING))
            .values(changes)
            .returning(Job)
            .execution_options(synchronize_session=False)
        )
        job = session.scalar(writing)
        return job if job is not None else _refuse(session, lease)


def _held(lease: Lease) -> tuple[ColumnElement[bool], ...]:
    """The job, while the lease is in force: a job that was taken back keeps its token."""
    return (Job.id == lease.job_id, Job.lease_token == lease.token, Job.lease_until.is_not(None))


def _finished(session: Session, lease: Lease) -> Job:
    """The job, if it was this lease that finished it: the answer to the first try was lost."""
    job = session.get(Job, lease.job_id)
    if job is not None and job.state is JobState.SUCCEEDED and job.lease_token == lease.token:
        return job
    return _refuse(session, lease)


def _refuse(session: Session, lease: Lease) -> NoReturn:
    held = select(Job.state).where(*_held(lease))
    if session.scalar(held) is JobState.CANCELING:
        raise CancelRequestedError(f"{lease.job_id} is to be canceled.")
    raise LeaseLostError(f"{lease.job_id} is no longer this worker's.")
