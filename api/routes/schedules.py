"""Jobs that are made again and again."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from afgen.errors import (
    AddressRefusedError,
    AssetNotReadyError,
    CursorError,
    IdempotencyBusyError,
    IdempotencyMismatchError,
    NotFoundError,
    NotMediaError,
    QuotaError,
    ScheduleError,
)
from afgen.jobs import service
from afgen.jobs.cron import Misfire, Overlap, next_after, next_times, parse_cron
from afgen.jobs.ids import Kind
from afgen.jobs.limits import require_seconds_left
from afgen.jobs.spec import JobSpec
from afgen.jobs.store.moves import NewJob
from afgen.jobs.store.schedules import NewSchedule
from afgen.jobs.tables import Schedule, ScheduleRun
from api.deps import Caller, OnceOfBody, Parts, Reader, Services, Writer
from api.openapi import refusals
from api.pagination import Cursor, Limit, paged
from api.routes.jobs import check
from api.routes.jobs import told as job_told
from api.schemas.common import ErrorOut, Page, ScheduleId, aware
from api.schemas.jobs import JobOut
from api.schemas.schedules import NextRuns, RunOut, ScheduleChange, ScheduleIn, ScheduleOut

router = APIRouter(prefix="/v1/schedules", tags=["schedules"])

MOST_SCHEDULES = 1000  # of one tenant
Count = Annotated[int, Query(ge=1, le=50, description="how many")]
Before = Annotated[datetime | None, Query(description="only due times before this one")]


@router.post(
    "",
    status_code=201,
    summary="Create a schedule",
    response_model=ScheduleOut,
    responses=refusals(
        ScheduleError,
        AssetNotReadyError,
        AddressRefusedError,
        NotMediaError,
        QuotaError,
        IdempotencyBusyError,
        IdempotencyMismatchError,
    ),
)
def create(parts: Parts, who: Writer, once: OnceOfBody, body: ScheduleIn) -> Response:
    """Make a job whenever a cron expression is due, by the clocks of a zone.

    Uploads that a schedule needs are kept only as long as any upload: addresses last.
    """
    cron = parse_cron(body.cron, body.timezone)
    check(parts, who, [body.job])
    if parts.store.schedules.count(who.tenant_id) >= MOST_SCHEDULES:
        raise QuotaError(f"There are {MOST_SCHEDULES} schedules already.")

    def make(schedule_id: str) -> ScheduleOut:
        new = NewSchedule(
            id=schedule_id,
            name=body.name,
            cron=cron.expression,
            timezone=body.timezone,
            overlap=body.overlap,
            misfire=body.misfire,
            spec=body.job.model_dump(mode="json"),
            next_at=next_after(cron, parts.store.database.now()),
        )
        return told(parts.store.schedules.create(who.tenant_id, new))

    return once.make(Kind.SCHEDULE, make)


@router.get("", name="list", summary="List schedules", responses=refusals(CursorError))
def several(
    parts: Parts, who: Reader, cursor: Cursor = None, limit: Limit = 50
) -> Page[ScheduleOut]:
    """The newest first."""
    return paged(
        parts.cursors,
        (who.tenant_id, "schedules"),
        cursor,
        limit,
        lambda after, most: parts.store.schedules.list(who.tenant_id, after=after, limit=most),
        told,
    )


@router.get(
    "/{schedule_id}", name="get", summary="Get a schedule", responses=refusals(NotFoundError)
)
def one(parts: Parts, who: Reader, schedule_id: ScheduleId) -> ScheduleOut:
    """What it makes, and when next."""
    return told(parts.store.schedules.get(who.tenant_id, schedule_id))


@router.patch(
    "/{schedule_id}",
    summary="Change a schedule",
    responses=refusals(
        NotFoundError, ScheduleError, AssetNotReadyError, AddressRefusedError, NotMediaError
    ),
)
def change(parts: Parts, who: Writer, schedule_id: ScheduleId, body: ScheduleChange) -> ScheduleOut:
    """Change what is given; the next due time follows."""
    before = parts.store.schedules.get(who.tenant_id, schedule_id)
    changes: dict[str, Any] = body.model_dump(mode="json", exclude_none=True)
    if body.job is not None:
        check(parts, who, [body.job])
        changes["spec"] = changes.pop("job")
    if body.cron is not None or body.timezone is not None:
        cron = parse_cron(body.cron or before.cron, body.timezone or before.timezone)
        changes["next_at"] = next_after(cron, parts.store.database.now())
    return _changed(parts, who, schedule_id, changes)


@router.delete(
    "/{schedule_id}",
    status_code=204,
    summary="Delete a schedule",
    responses=refusals(NotFoundError),
)
def delete(parts: Parts, who: Writer, schedule_id: ScheduleId) -> None:
    """Delete it and what is known of its runs; the jobs it made stay."""
    parts.store.schedules.delete(who.tenant_id, schedule_id)


@router.post("/{schedule_id}/pause", summary="Pause a schedule", responses=refusals(NotFoundError))
def pause(parts: Parts, who: Writer, schedule_id: ScheduleId) -> ScheduleOut:
    """Make no jobs until it is resumed."""
    return _changed(parts, who, schedule_id, {"enabled": False})


@router.post(
    "/{schedule_id}/resume",
    summary="Resume a schedule",
    responses=refusals(NotFoundError, ScheduleError),
)
def resume(parts: Parts, who: Writer, schedule_id: ScheduleId) -> ScheduleOut:
    """Go on with the next due time; those that were paused over are not caught up with."""
    found = parts.store.schedules.get(who.tenant_id, schedule_id)
    if found.enabled:
        return told(found)
    next_at = next_after(parse_cron(found.cron, found.timezone), parts.store.database.now())
    return _changed(parts, who, schedule_id, {"enabled": True, "next_at": next_at})


@router.post(
    "/{schedule_id}/run",
    status_code=201,
    summary="Run a schedule now",
    response_model=JobOut,
    responses=refusals(
        NotFoundError,
        AssetNotReadyError,
        QuotaError,
        IdempotencyBusyError,
        IdempotencyMismatchError,
    ),
)
def run(parts: Parts, who: Writer, once: OnceOfBody, schedule_id: ScheduleId) -> Response:
    """Make its job at once, whatever the time, and whether or not it is paused."""
    schedule = parts.store.schedules.get(who.tenant_id, schedule_id)

    def make(job_id: str) -> JobOut:
        require_seconds_left(parts.store, who.tenant_id, who.quotas)
        spec = JobSpec.model_validate(schedule.spec)
        new = NewJob(job_id, spec, schedule_id=schedule.id)
        job = parts.store.jobs.create(who.tenant_id, new, who.quotas.active_jobs)
        service.send(parts.store, parts.queue, [job.id], job.priority)
        return job_told(parts, job, parts.store.jobs.position(job))

    return once.make(Kind.JOB, make)


@router.get(
    "/{schedule_id}/next", name="next", summary="See due times", responses=refusals(NotFoundError)
)
def upcoming(parts: Parts, who: Reader, schedule_id: ScheduleId, count: Count = 10) -> NextRuns:
    """The next due times, in UTC, as if it were not paused."""
    found = parts.store.schedules.get(who.tenant_id, schedule_id)
    cron = parse_cron(found.cron, found.timezone)
    return NextRuns(at=next_times(cron, parts.store.database.now(), count))


@router.get("/{schedule_id}/runs", summary="List runs", responses=refusals(NotFoundError))
def runs(
    parts: Parts, who: Reader, schedule_id: ScheduleId, before: Before = None, limit: Limit = 50
) -> list[RunOut]:
    """What became of due times, the latest first."""
    found = parts.store.schedules.runs(
        who.tenant_id, schedule_id, before=aware(before), limit=limit
    )
    return [_run_told(run) for run in found]


def told(schedule: Schedule) -> ScheduleOut:
    """A schedule as it goes over the wire."""
    return ScheduleOut(
        id=schedule.id,
        name=schedule.name,
        cron=schedule.cron,
        timezone=schedule.timezone,
        overlap=Overlap(schedule.overlap),
        misfire=Misfire(schedule.misfire),
        job=JobSpec.model_validate(schedule.spec),
        enabled=schedule.enabled,
        created_at=schedule.created_at,
        next_at=schedule.next_at if schedule.enabled else None,
        last_at=schedule.last_at,
    )


def _changed(
    parts: Services, who: Caller, schedule_id: str, changes: dict[str, Any]
) -> ScheduleOut:
    if not changes:
        return told(parts.store.schedules.get(who.tenant_id, schedule_id))
    return told(parts.store.schedules.change(who.tenant_id, schedule_id, **changes))


def _run_told(run: ScheduleRun) -> RunOut:
    return RunOut.model_validate(
        {
            "due_at": run.due_at,
            "at": run.at,
            "outcome": run.outcome,
            "job_id": run.job_id,
            "error": ErrorOut.of(run.error),
        }
    )
