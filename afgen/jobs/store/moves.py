"""Making jobs and moving them from state to state: the one place where either happens."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, exists, func, insert, select, update
from sqlalchemy.orm import Session

from afgen.errors import (
    AssetNotReadyError,
    ConflictError,
    NotFoundError,
    QuotaError,
)
from afgen.jobs.spec import JobSpec
from afgen.jobs.states import ACTIVE, FINISHED, LEASED, JobState, sources
from afgen.jobs.store.database import DatabaseTime, in_states
from afgen.jobs.store.events import BATCH_FINISHED, Happening, lock_batches, record
from afgen.jobs.tables import Asset, Batch, Job, JobAsset, Json, Tenant


@dataclass(frozen=True, slots=True)
class JobRules:
    """How long and how often things may take."""

    lease_s: float = 30.0
    max_attempts: int = 3
    backoff_s: float = 5.0  # before the second attempt, doubled before each further one
    resend_s: float = 60.0
    keep_files: timedelta = timedelta(days=30)
    keep_records: timedelta = timedelta(days=365)  # after the files are deleted


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be made. With an `id` chosen beforehand, making it twice makes it once."""

    id: str
    spec: JobSpec
    batch_id: str | None = None
    item_key: str | None = None
    schedule_id: str | None = None


def create_jobs(
    session: Session, tenant_id: str, jobs: Sequence[NewJob], rules: JobRules, at: datetime
) -> None:
    """Insert queued jobs of one tenant, with their first event.

    Raises:
        AssetNotReadyError: an input is not ready, or there is no such upload.
    """
    needed = {job.id: job.spec.inputs.asset_ids for job in jobs}
    require_ready(session, tenant_id, frozenset().union(*needed.values()))
    queued_at = session.scalar(select(DatabaseTime()))
    rows = [{**_row(tenant_id, job, rules, at), "queued_at": queued_at} for job in jobs]
    session.execute(insert(Job), rows)
    links = [
        {"job_id": job, "asset_id": asset} for job, assets in needed.items() for asset in assets
    ]
    if links:
        session.execute(insert(JobAsset), links)
    queued = [
        Happening(
            tenant_id,
            "job.queued",
            {"job_id": job.id, "batch_id": job.batch_id, "item_key": job.item_key,
             "state": JobState.QUEUED, "attempts": 0},
            job.id,
            job.batch_id,
        )
        for job in jobs
    ]  # fmt: skip
    record(session, at, queued)


def require_ready(session: Session, tenant_id: str, asset_ids: frozenset[str]) -> None:
    """Hold the uploads that a job needs, so that none is deleted before the job is made."""
    for chunk in _chunks(sorted(asset_ids)):
        held = (
            select(Asset.id)
            .where(Asset.id.in_(chunk), Asset.tenant_id == tenant_id, Asset.state == "ready")
            .with_for_update(read=True)
        )
        if missing := set(chunk) - set(session.scalars(held)):
            raise AssetNotReadyError(f"The upload {min(missing)} is not ready, or does not exist.")


def require_room(session: Session, tenant_id: str, adding: int, most: float) -> None:
    """Let one request of a tenant at a time through, as long as it stays within its quota.

    Raises QuotaError.
    """
    session.execute(select(Tenant.id).where(Tenant.id == tenant_id).with_for_update(key_share=True))
    active = select(func.count()).where(Job.tenant_id == tenant_id, in_states(ACTIVE))
    there = session.scalar(active) or 0
    if there + adding > most:
        raise QuotaError(f"{there} jobs are queued or running, {adding} more would be over {most}.")


def move(
    session: Session,
    target: JobState,
    at: datetime,
    *conditions: ColumnElement[bool],
    rules: JobRules,
    **changes: Any,
) -> Sequence[Job]:
    """Move the jobs that meet the conditions to `target`, from wherever MOVES allows it.

    One conditional UPDATE: a job that has meanwhile gone elsewhere is not touched. Every other
    consequence of a move is drawn here, too: what the new state forgets, the event, deliveries,
    and the end of a batch. Returns the jobs that moved.
    """
    values = {"state": target, "version": Job.version + 1, **_entering(target, at, rules)}
    moving = (
        update(Job)
        .where(in_states(sources(target)), *conditions)
        .values(values | changes)
        .returning(Job)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    moved = session.scalars(moving).all()
    record(session, at, [_happening(job) for job in moved])
    batches = {job.batch_id for job in moved if job.batch_id is not None}
    if batches and target in FINISHED:
        _finish_batches(session, batches, at)
    elif batches and target is JobState.QUEUED:
        session.execute(update(Batch).where(Batch.id.in_(batches)).values(finished_at=None))
    return moved


def job_of(session: Session, tenant_id: str, job_id: str) -> Job:
    """A job that its tenant can see. Raises NotFoundError."""
    own = (Job.id == job_id, Job.tenant_id == tenant_id, Job.deleted_at.is_(None))
    job = session.scalar(select(Job).where(*own))
    if job is None:
        raise NotFoundError(f"There is no job {job_id}.")
    return job


def refusal(job: Job, wish: str) -> ConflictError:
    """Why a job cannot do what was wished for."""
    return ConflictError(f"The job is {job.state} and cannot {wish}.")


def _entering(target: JobState, at: datetime, rules: JobRules) -> Mapping[str, Any]:
    values: dict[str, Any] = {}
    if target not in LEASED:
        values |= {"leased_by": None, "lease_until": None, "phase": None}
    if target is JobState.QUEUED:
        values |= {"queued_at": DatabaseTime(), "sent_at": None}
    if target in FINISHED:
        values |= {"finished_at": at, "expires_at": at + rules.keep_files}
    if target is JobState.EXPIRED:
        values |= {"expires_at": at + rules.keep_records}
    return values


def _row(tenant_id: str, job: NewJob, rules: JobRules, at: datetime) -> Json:
    return {
        "id": job.id,
        "tenant_id": tenant_id,
        "batch_id": job.batch_id,
        "item_key": job.item_key,
        "schedule_id": job.schedule_id,
        "state": JobState.QUEUED,
        "priority": job.spec.priority,
        "spec": job.spec.model_dump(mode="json"),
        "created_at": at,
        "attempts": 0,
        "max_attempts": rules.max_attempts,
        "lease_token": 0,
        "progress_done": 0,
        "version": 1,
    }


def _happening(job: Job) -> Happening:
    data: Json = {
        "job_id": job.id,
        "batch_id": job.batch_id,
        "item_key": job.item_key,
        "state": job.state,
        "attempts": job.attempts,
        "lease_token": job.lease_token,
    }
    extras = {"error": job.error, "outputs": job.outputs}
    data |= {name: value for name, value in extras.items() if value is not None}
    return Happening(job.tenant_id, f"job.{job.state}", data, job.id, job.batch_id)


def _finish_batches(session: Session, batch_ids: set[str], at: datetime) -> None:
    """Note that a batch has finished, if no job of it is left.

    The batches are locked: of two jobs that end at once, the second sees the first.
    """
    for batch in lock_batches(session, batch_ids):
        left = select(exists().where(Job.batch_id == batch.id, in_states(ACTIVE)))
        if session.scalar(left) or batch.finished_at is not None:
            continue
        batch.finished_at = at
        data: Json = {
            "batch_id": batch.id,
            "counts": dict(counts_of(session, [batch.id])[batch.id]),
        }
        record(session, at, [Happening(batch.tenant_id, BATCH_FINISHED, data, None, batch.id)])


def counts_of(session: Session, batch_ids: Sequence[str]) -> Mapping[str, Mapping[JobState, int]]:
    """How many jobs of each batch are in each state."""
    counted = (
        select(Job.batch_id, Job.state, func.count())
        .where(Job.batch_id.in_(batch_ids))
        .group_by(Job.batch_id, Job.state)
    )
    counts: dict[str, dict[JobState, int]] = defaultdict(dict)
    for batch_id, state, count in session.execute(counted):
        counts[str(batch_id)][state] = count
    return counts


def _chunks(ids: Sequence[str], size: int = 500) -> Sequence[Sequence[str]]:
    return [ids[start : start + size] for start in range(0, len(ids), size)]
