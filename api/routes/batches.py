"""Many jobs handed in together."""

import json
from collections.abc import Iterator, Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from afgen.errors import (
    AddressRefusedError,
    AssetNotReadyError,
    CursorError,
    IdempotencyBusyError,
    IdempotencyMismatchError,
    ItemKeyTakenError,
    ManifestError,
    NotFoundError,
    NotMediaError,
    QuotaError,
)
from afgen.jobs import service
from afgen.jobs.blobs.interface import read_bytes
from afgen.jobs.facts import AssetKind
from afgen.jobs.ids import Kind
from afgen.jobs.limits import require_seconds_left
from afgen.jobs.manifest import read_items
from afgen.jobs.spec import BatchItem
from afgen.jobs.states import JobState
from afgen.jobs.tables import Batch, Job
from api.deps import Caller, OnceOfBody, Parts, Reader, Services, Writer
from api.openapi import Responses, refusals
from api.pagination import Cursor, Limit, paged
from api.routes.jobs import check, outputs
from api.routes.jobs import told as job_told
from api.schemas.batches import RESULT, BatchIn, BatchOut, ResultLine
from api.schemas.common import BatchId, ErrorOut, Page
from api.schemas.jobs import JobOut

router = APIRouter(prefix="/v1/batches", tags=["batches"])

_MOST_MANIFEST_BYTES = 64 * 2**20
_LINES = 500
_RESULTS: Responses = {
    200: {
        "description": "One line an item, in the order of their keys.",
        "content": {
            "application/jsonl": {
                "schema": {"type": "string"},
                "example": json.dumps(RESULT) + "\n",
            }
        },
    }
}
AfterKey = Annotated[str | None, Query(max_length=128, description="the last key that is known")]
State = Annotated[JobState | None, Query(description="only those in this state")]


@router.post(
    "",
    status_code=201,
    summary="Create a batch",
    response_model=BatchOut,
    responses=refusals(
        ItemKeyTakenError,
        AssetNotReadyError,
        AddressRefusedError,
        NotMediaError,
        ManifestError,
        QuotaError,
        IdempotencyBusyError,
        IdempotencyMismatchError,
    ),
)
def create(parts: Parts, who: Writer, once: OnceOfBody, body: BatchIn) -> Response:
    """Hand in many jobs, in the body or as a manifest that was uploaded. All are made, or none."""
    items = body.items or _listed(parts, who, body.manifest or "")
    check(parts, who, [item.job for item in items])

    def make(batch_id: str) -> BatchOut:
        require_seconds_left(parts.store, who.tenant_id, who.quotas)
        batch = service.submit_batch(
            parts.store,
            parts.queue,
            who.tenant_id,
            body.name,
            items,
            most_active=who.quotas.active_jobs,
            depth=parts.settings.queue_depth,
            batch_id=batch_id,
        )
        return _told(parts, [batch])[0]

    return once.make(Kind.BATCH, make)


@router.get("", name="list", summary="List batches", responses=refusals(CursorError))
def several(parts: Parts, who: Reader, cursor: Cursor = None, limit: Limit = 50) -> Page[BatchOut]:
    """The newest first."""
    found = paged(
        parts.cursors,
        (who.tenant_id, "batches"),
        cursor,
        limit,
        lambda after, most: parts.store.batches.list(who.tenant_id, after=after, limit=most),
        lambda batch: batch,
    )
    return Page(items=_told(parts, found.items), next_cursor=found.next_cursor)


@router.get("/{batch_id}", name="get", summary="Get a batch", responses=refusals(NotFoundError))
def one(parts: Parts, who: Reader, batch_id: BatchId) -> BatchOut:
    """How many of its jobs are in which state."""
    return _told(parts, [parts.store.batches.get(who.tenant_id, batch_id)])[0]


@router.get("/{batch_id}/items", summary="List a batch's jobs", responses=refusals(NotFoundError))
def items(
    parts: Parts,
    who: Reader,
    batch_id: BatchId,
    state: State = None,
    after_key: AfterKey = None,
    limit: Limit = 100,
) -> list[JobOut]:
    """In the order of their keys; what follows is asked for with the last key of these."""
    found = parts.store.batches.items(
        who.tenant_id, batch_id, state=state, after_key=after_key, limit=limit
    )
    return [job_told(parts, job) for job in found]


@router.get(
    "/{batch_id}/results",
    summary="Get a batch's results",
    response_class=StreamingResponse,
    responses=_RESULTS | refusals(NotFoundError),
)
def results(parts: Parts, who: Reader, batch_id: BatchId) -> StreamingResponse:
    """What became of each item so far: a manifest of results, one JSON object a line."""
    parts.store.batches.get(who.tenant_id, batch_id)
    lines = _result_lines(parts, who.tenant_id, batch_id)
    return StreamingResponse(lines, media_type="application/jsonl")


@router.post("/{batch_id}/cancel", summary="Cancel a batch", responses=refusals(NotFoundError))
def cancel(parts: Parts, who: Writer, batch_id: BatchId) -> BatchOut:
    """Cancel what has not ended."""
    return _told(parts, [parts.store.batches.cancel(who.tenant_id, batch_id)])[0]


def _listed(parts: Services, who: Caller, asset_id: str) -> list[BatchItem]:
    asset = parts.store.assets.get(who.tenant_id, asset_id)
    if asset.kind != AssetKind.MANIFEST:
        raise ManifestError(f"{asset_id} is an upload of the kind {asset.kind}.")
    if asset.state != "ready":
        raise AssetNotReadyError(f"The upload {asset_id} is {asset.state}.")
    data = read_bytes(parts.blobs, asset.blob_key, limit_bytes=_MOST_MANIFEST_BYTES)
    return read_items(data, parts.settings.max_batch_items)


def _result_lines(parts: Services, tenant_id: str, batch_id: str) -> Iterator[str]:
    key: str | None = None
    while jobs := parts.store.batches.items(tenant_id, batch_id, after_key=key, limit=_LINES):
        for job in jobs:
            yield _result(parts, job).model_dump_json() + "\n"
        key = jobs[-1].item_key


def _result(parts: Services, job: Job) -> ResultLine:
    return ResultLine(
        key=job.item_key or job.id,
        job_id=job.id,
        state=job.state,
        outputs=outputs(parts, job),
        error=ErrorOut.of(job.error),
    )


def _told(parts: Services, batches: Sequence[Batch]) -> list[BatchOut]:
    counts = parts.store.batches.counts([batch.id for batch in batches])
    return [
        BatchOut(
            id=batch.id,
            name=batch.name,
            created_at=batch.created_at,
            finished_at=batch.finished_at,
            total=batch.total,
            counts=dict(counts.get(batch.id, {})),
        )
        for batch in batches
    ]
