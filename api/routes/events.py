"""What happens to jobs and batches, as it happens: server-sent events (WHATWG HTML, 9.2)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent

from afgen.errors import NotFoundError
from afgen.jobs.states import ENDED
from afgen.jobs.tables import Event
from api.deps import Parts, Reader, Services
from api.openapi import Responses, refusals
from api.schemas.common import BatchId, JobId
from api.schemas.jobs import JobEvent

router = APIRouter(prefix="/v1")

POLL_S = 0.5
_PAGE = 100
_INSIDE = frozenset({"lease_token", "outputs"})  # who holds a job, and where files lie
LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID", max_length=20, description="`id` of the last event that is known"
    ),
]
Read = Callable[[int], Sequence[Event]]
Ended = Callable[[], bool]
_STREAM: Responses = {
    200: {
        "description": "A stream that ends after the last event; comments keep it alive meanwhile.",
        "content": {
            "text/event-stream": {
                "example": "event: job.running\nid: 1204\n"
                'data: {"seq": 1204, "kind": "job.running", "job_id": "job_01k9"}\n\n'
            }
        },
    }
}


def last_seen(given: LastEventId = None) -> int:
    """The number after which to go on; anything else begins at the beginning."""
    return int(given) if given is not None and given.isascii() and given.isdigit() else 0


def of_job(parts: Parts, who: Reader, job_id: JobId) -> tuple[Read, Ended]:
    """How to read a job's events, and whether it has ended. Raises NotFoundError."""
    parts.store.jobs.get(who.tenant_id, job_id)

    def read(seq: int) -> Sequence[Event]:
        return parts.store.events.after(who.tenant_id, seq, job_id=job_id, limit=_PAGE)

    return read, lambda: _job_ended(parts, who.tenant_id, job_id)


def of_batch(parts: Parts, who: Reader, batch_id: BatchId) -> tuple[Read, Ended]:
    """How to read a batch's events, and whether it has ended. Raises NotFoundError."""
    parts.store.batches.get(who.tenant_id, batch_id)

    def read(seq: int) -> Sequence[Event]:
        return parts.store.events.after(who.tenant_id, seq, batch_id=batch_id, limit=_PAGE)

    return read, lambda: parts.store.batches.get(who.tenant_id, batch_id).finished_at is not None


@router.get(
    "/jobs/{job_id}/events",
    tags=["jobs"],
    summary="Follow a job",
    response_class=EventSourceResponse,
    responses=_STREAM | refusals(NotFoundError),
)
async def job_events(
    request: Request,
    source: Annotated[tuple[Read, Ended], Depends(of_job)],
    seen: Annotated[int, Depends(last_seen)],
) -> AsyncIterator[ServerSentEvent]:
    """Everything that happened to a job from its beginning, and what will, until it ends.

    After a break, `Last-Event-ID` goes on where it was.
    """
    async for event in _follow(request, *source, seen):
        yield event


@router.get(
    "/batches/{batch_id}/events",
    tags=["batches"],
    summary="Follow a batch",
    response_class=EventSourceResponse,
    responses=_STREAM | refusals(NotFoundError),
)
async def batch_events(
    request: Request,
    source: Annotated[tuple[Read, Ended], Depends(of_batch)],
    seen: Annotated[int, Depends(last_seen)],
) -> AsyncIterator[ServerSentEvent]:
    """Everything that happens to the jobs of a batch, until the last of them ends."""
    async for event in _follow(request, *source, seen):
        yield event


async def _follow(
    request: Request, read: Read, ended: Ended, seen: int
) -> AsyncIterator[ServerSentEvent]:
    """Events after number `seen`. The end is looked for before the events: none is left behind."""
    while not await request.is_disconnected():
        over = await run_in_threadpool(ended)
        events = await run_in_threadpool(read, seen)
        for event in events:
            seen = event.seq
            yield ServerSentEvent(data=told(event), event=event.kind, id=str(event.seq))
        if over and not events:
            return
        if not events:
            await asyncio.sleep(POLL_S)


def told(event: Event) -> JobEvent:
    """An event as it goes over the wire."""
    return JobEvent(
        seq=event.seq,
        kind=event.kind,
        at=event.at,
        job_id=event.job_id,
        batch_id=event.batch_id,
        data={name: value for name, value in event.data.items() if name not in _INSIDE},
    )


def _job_ended(parts: Services, tenant_id: str, job_id: str) -> bool:
    try:
        return parts.store.jobs.get(tenant_id, job_id).state in ENDED
    except NotFoundError:  # deleted meanwhile
        return True
