"""Renders: asked for, looked at, canceled, retried, fetched."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Path, Query, Response
from fastapi.responses import RedirectResponse

from afgen.errors import (
    AddressRefusedError,
    AssetNotReadyError,
    ConflictError,
    CursorError,
    IdempotencyBusyError,
    IdempotencyMismatchError,
    NotFoundError,
    NotMediaError,
    NoVideoError,
    OptionError,
    QuotaError,
)
from afgen.jobs import service
from afgen.jobs.ids import Kind
from afgen.jobs.limits import require_seconds_left
from afgen.jobs.outbound import policy_of
from afgen.jobs.preflight import check_inputs
from afgen.jobs.spec import JobSpec
from afgen.jobs.states import JobState
from afgen.jobs.store.jobs import JobFilter
from afgen.jobs.tables import Job
from api.deps import Caller, OnceOfBody, Parts, Reader, Services, Writer
from api.openapi import FOUND_ELSEWHERE, Responses, refusals
from api.pagination import Cursor, Limit, paged
from api.routes.assets import LINK_S
from api.schemas.common import ErrorOut, JobId, Page, aware
from api.schemas.jobs import JobIn, JobOut, Output, Progress

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

States = Annotated[list[JobState], Query(description="only those in one of these states")]
Of = Annotated[str | None, Query(max_length=64, description="only those of this one")]
OutputName = Annotated[
    Literal["video", "report"], Path(description="which of its files", examples=["video"])
]
Time = Annotated[datetime | None, Query(description="of creation, RFC 3339")]
EntityTag = Annotated[
    str | None,
    Header(alias="If-None-Match", max_length=200, description="`ETag` of what is known already"),
]
_UNCHANGED: Responses = {304: {"description": "It is as the `ETag` says."}}


@router.post(
    "",
    status_code=201,
    summary="Create a job",
    response_model=JobOut,
    responses=refusals(
        AssetNotReadyError,
        NotMediaError,
        NoVideoError,
        AddressRefusedError,
        OptionError,
        QuotaError,
        IdempotencyBusyError,
        IdempotencyMismatchError,
    ),
)
def create(parts: Parts, who: Writer, once: OnceOfBody, body: JobIn) -> Response:
    """Ask for a render.

    Inputs are uploads that are ready, or public https addresses. What no render could use is
    refused here, with the code of the command line.
    """
    check(parts, who, [body])

    def make(job_id: str) -> JobOut:
        require_seconds_left(parts.store, who.tenant_id, who.quotas)
        job = service.submit(
            parts.store,
            parts.queue,
            who.tenant_id,
            body,
            most_active=who.quotas.active_jobs,
            depth=parts.settings.queue_depth,
            job_id=job_id,
        )
        return told(parts, job, parts.store.jobs.position(job))

    return once.make(Kind.JOB, make)


@router.get("", name="list", summary="List jobs", responses=refusals(CursorError))
def several(
    parts: Parts,
    who: Reader,
    state: States = [],  # noqa: B006  (FastAPI copies it)
    batch_id: Of = None,
    schedule_id: Of = None,
    since: Time = None,
    until: Time = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[JobOut]:
    """The newest first."""
    chosen = JobFilter(frozenset(state), batch_id, schedule_id, aware(since), aware(until))
    return paged(
        parts.cursors,
        (who.tenant_id, "jobs", sorted(state), batch_id, schedule_id, since, until),
        cursor,
        limit,
        lambda after, most: parts.store.jobs.list(who.tenant_id, chosen, after=after, limit=most),
        lambda job: told(parts, job),
    )


@router.get(
    "/{job_id}",
    name="get",
    summary="Get a job",
    response_model=JobOut,
    responses=_UNCHANGED | refusals(NotFoundError),
)
def one(
    parts: Parts, who: Reader, job_id: JobId, response: Response, known: EntityTag = None
) -> JobOut | Response:
    """How far a job is. With `If-None-Match`, nothing is told again that is known already."""
    job = parts.store.jobs.get(who.tenant_id, job_id)
    position = parts.store.jobs.position(job)
    tag = f'"{job.version}-{position}"'
    if known is not None and tag in (one.strip() for one in known.split(",")):
        return Response(status_code=304, headers={"ETag": tag})
    response.headers["ETag"] = tag
    return told(parts, job, position)


@router.post(
    "/{job_id}/cancel", summary="Cancel a job", responses=refusals(NotFoundError, ConflictError)
)
def cancel(parts: Parts, who: Writer, job_id: JobId) -> JobOut:
    """A waiting job is canceled at once, a running one within seconds: it is `canceling` first."""
    return told(parts, parts.store.jobs.cancel(who.tenant_id, job_id))


@router.post(
    "/{job_id}/retry",
    summary="Retry a job",
    responses=refusals(NotFoundError, ConflictError, AssetNotReadyError, QuotaError),
)
def retry(parts: Parts, who: Writer, job_id: JobId) -> JobOut:
    """Queue a failed or canceled job anew. What it had made is gone on with."""
    require_seconds_left(parts.store, who.tenant_id, who.quotas)
    job = service.retry(
        parts.store,
        parts.queue,
        who.tenant_id,
        job_id,
        most_active=who.quotas.active_jobs,
        depth=parts.settings.queue_depth,
    )
    return told(parts, job, parts.store.jobs.position(job))


@router.delete(
    "/{job_id}",
    status_code=204,
    summary="Delete a job",
    responses=refusals(NotFoundError, ConflictError),
)
def delete(parts: Parts, who: Writer, job_id: JobId) -> None:
    """Delete a job that has ended, and its files."""
    parts.store.jobs.delete(who.tenant_id, job_id)


@router.get(
    "/{job_id}/outputs/{name}",
    status_code=307,
    summary="Download an output",
    response_class=RedirectResponse,
    responses=FOUND_ELSEWHERE | refusals(NotFoundError),
)
def output(parts: Parts, who: Reader, job_id: JobId, name: OutputName) -> str:
    """Redirects to the bytes, at an address that is good for some minutes."""
    made = (parts.store.jobs.get(who.tenant_id, job_id).outputs or {}).get(name)
    if made is None:
        raise NotFoundError(f"The job has no {name}.", hint="Wait until it has succeeded.")
    ending = made["blob_key"].rpartition(".")[2]
    return parts.blobs.presigned_get(
        made["blob_key"], expires_s=LINK_S, filename=f"{job_id}.{ending}"
    )


def check(parts: Services, who: Caller, specs: Sequence[JobSpec]) -> None:
    """Preflight. Raises what a render of them would, as far as it is known beforehand."""
    needed = sorted(frozenset().union(*(spec.inputs.asset_ids for spec in specs)))
    uploads = parts.store.assets.by_ids(who.tenant_id, needed)
    policy = policy_of(parts.settings)
    for spec in specs:
        check_inputs(spec, uploads, policy)


def told(parts: Services, job: Job, position: int | None = None) -> JobOut:
    """A job as it goes over the wire."""
    spec = JobSpec.model_validate(job.spec)
    return JobOut(
        id=job.id,
        state=job.state,
        phase=job.phase,
        priority=job.priority,
        inputs=spec.inputs,
        avatar=spec.avatar,
        settings=spec.settings,
        batch_id=job.batch_id,
        item_key=job.item_key,
        schedule_id=job.schedule_id,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        cancel_requested_at=job.cancel_requested_at,
        expires_at=job.expires_at,
        attempts=job.attempts,
        max_attempts=job.max_attempts,
        progress=progress_of(job, parts.store.database.now()),
        queue_position=position,
        outputs=outputs(parts, job),
        error=ErrorOut.of(job.error),
    )


def outputs(parts: Services, job: Job) -> dict[str, Output]:
    """What a job has made, by name."""
    return {
        name: Output(
            content_type=made["content_type"],
            bytes=made["bytes"],
            sha256=made["sha256"],
            url=f"{parts.settings.public_url}/v1/jobs/{job.id}/outputs/{name}",
        )
        for name, made in (job.outputs or {}).items()
    }


def progress_of(job: Job, now: datetime) -> Progress:
    """The time left, if the rest takes as long as what was done since the attempt began."""
    done, total, eta_s = job.progress_done, job.progress_total, None
    if job.state is JobState.RUNNING and job.started_at and done and total:
        eta_s = round((now - job.started_at).total_seconds() * (total - done) / done, 1)
    return Progress(done=done, total=total, eta_s=eta_s)
