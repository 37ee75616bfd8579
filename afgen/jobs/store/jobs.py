"""What tenants do with their jobs: make, look at, cancel, retry, delete."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, literal, select, tuple_, update

from afgen.jobs.states import ACTIVE, ENDED, JobState, Priority
from afgen.jobs.store.database import Database, in_states
from afgen.jobs.store.lists import Place, page
from afgen.jobs.store.moves import (
    JobRules,
    NewJob,
    create_jobs,
    job_of,
    move,
    refusal,
    require_ready,
    require_room,
)
from afgen.jobs.tables import Job, JobAsset, UtcDateTime


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs to list. Times are of creation: from `since` on, before `until`."""

    states: frozenset[JobState] = frozenset()  # none: all
    batch_id: str | None = None
    schedule_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


ALL = JobFilter()


class Jobs:
    """The jobs of tenants. What belongs to another tenant does not exist."""

    def __init__(self, database: Database, rules: JobRules) -> None:
        self._database = database
        self._rules = rules

    def create(self, tenant_id: str, new: NewJob, most_active: float) -> Job:
        """Make a job, or find the one that was made with the same id.

        Raises:
            AssetNotReadyError: an input is not ready, or there is no such upload.
            QuotaError: the tenant would have more than `most_active` jobs queued and running.
        """
        with self._database.write() as session:
            job = session.get(Job, new.id)
            if job is None:
                require_room(session, tenant_id, 1, most_active)
                create_jobs(session, tenant_id, [new], self._rules, self._database.now())
            return job_of(session, tenant_id, new.id)

    def get(self, tenant_id: str, job_id: str) -> Job:
        """One job. Raises NotFoundError."""
        with self._database.read() as session:
            return job_of(session, tenant_id, job_id)

    def list(
        self,
        tenant_id: str,
        chosen: JobFilter = ALL,
        *,
        after: Place | None = None,
        limit: int = 50,
    ) -> Sequence[Job]:
        """A page of jobs, the newest first."""
        conditions = [Job.tenant_id == tenant_id, Job.deleted_at.is_(None), *_conditions(chosen)]
        with self._database.read() as session:
            return page(session, Job, *conditions, after=after, limit=limit)

    def position(self, job: Job) -> int | None:
        """How many jobs wait before this one in its queue; None when it does not wait."""
        if job.state is not JobState.QUEUED:
            return None
        place = tuple_(literal(job.queued_at, UtcDateTime()), literal(job.id))
        before = select(func.count()).where(
            in_states(frozenset({JobState.QUEUED})),
            Job.priority == job.priority,
            tuple_(Job.queued_at, Job.id) < place,
        )
        with self._database.read() as session:
            return session.scalar(before)

    def active(self, tenant_id: str) -> Mapping[JobState, int]:
        """How many jobs of a tenant are in each state before the end."""
        counted = (
            select(Job.state, func.count())
            .where(Job.tenant_id == tenant_id, in_states(ACTIVE))
            .group_by(Job.state)
        )
        with self._database.read() as session:
            return dict(session.execute(counted).all())

    def waiting(self) -> Mapping[tuple[Priority, JobState], int]:
        """How many jobs of all tenants are in each queue and state before the end."""
        counted = (
            select(Job.priority, Job.state, func.count())
            .where(in_states(ACTIVE))
            .group_by(Job.priority, Job.state)
        )
        with self._database.read() as session:
            return {(queue, state): count for queue, state, count in session.execute(counted)}

    def cancel(self, tenant_id: str, job_id: str) -> Job:
        """A queued job is canceled at once; a running one is, as soon as its worker stops.

        Canceling again changes nothing. Raises NotFoundError; ConflictError when it has ended.
        """
        at = self._database.now()
        asked = {"cancel_requested_at": at}
        with self._database.write() as session:
            job = job_of(session, tenant_id, job_id)
            queued = in_states(frozenset({JobState.QUEUED}))
            its = Job.id == job_id
            moved = move(session, JobState.CANCELED, at, its, queued, rules=self._rules, **asked)
            if not moved:
                moved = move(session, JobState.CANCELING, at, its, rules=self._rules, **asked)
            if not moved:
                session.refresh(job)
                if job.state not in (JobState.CANCELING, JobState.CANCELED):
                    raise refusal(job, "be canceled")
            return moved[0] if moved else job

    def retry(self, tenant_id: str, job_id: str, most_active: float) -> Job:
        """Queue a failed or canceled job anew, with all its attempts.

        Raises NotFoundError, ConflictError, QuotaError; AssetNotReadyError when an upload is gone.
        """
        fresh = {
            "attempts": 0,
            "error": None,
            "finished_at": None,
            "expires_at": None,
            "cancel_requested_at": None,
            "progress_done": 0,
            "progress_total": None,
        }
        with self._database.write() as session:
            job = job_of(session, tenant_id, job_id)
            require_room(session, tenant_id, 1, most_active)
            needed = session.scalars(select(JobAsset.asset_id).where(JobAsset.job_id == job_id))
            require_ready(session, tenant_id, frozenset(needed))
            stopped = Job.lease_until.is_(None)  # a running job is not retried
            moved = move(
                session, JobState.QUEUED, self._database.now(), Job.id == job_id, stopped,
                rules=self._rules, **fresh,
            )  # fmt: skip
            if not moved:
                raise refusal(job, "be retried")
            return moved[0]

    def delete(self, tenant_id: str, job_id: str) -> None:
        """Take an ended job from its owner's sight; its files and then its row go by retention.

        Raises NotFoundError; ConflictError while the job may still be rendered.
        """
        now = self._database.now()
        with self._database.write() as session:
            job = job_of(session, tenant_id, job_id)
            gone = (
                update(Job)
                .where(Job.id == job_id, in_states(ENDED))
                .values(deleted_at=now, expires_at=now)
                .returning(Job.id)
            )
            if session.scalar(gone) is None:
                raise refusal(job, "be deleted: cancel it first")


def _conditions(chosen: JobFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if chosen.states:
        conditions.append(in_states(chosen.states))
    if chosen.batch_id is not None:
        conditions.append(Job.batch_id == chosen.batch_id)
    if chosen.schedule_id is not None:
        conditions.append(Job.schedule_id == chosen.schedule_id)
    if chosen.since is not None:
        conditions.append(Job.created_at >= chosen.since)
    if chosen.until is not None:
        conditions.append(Job.created_at < chosen.until)
    return conditions
