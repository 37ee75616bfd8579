"""What happens to jobs and batches, as it happens: server-sent events (WHATWG HTML, 9.2)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from anyio import CapacityLimiter, WouldBlock
from fastapi import APIRouter, Depends, Header, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent

from afgen.errors import NotFoundError, UnavailableError
from afgen.jobs.states import ENDED, JobState
from afgen.jobs.tables import Event
from api.deps import Parts, Reader, Services
from api.openapi import Responses, refusals
from api.routes.jobs import progress_of
from api.schemas.common import BatchId, JobId
from api.schemas.jobs import JobEvent

router = APIRouter(prefix="/v1")

POLL_S = 1.0
MOST_STREAMS = 200  # of a process; a hundred take a seventh of a core
PROGRESS = "job.progress"
_PAGE = 100
_INSIDE = frozenset({"lease_token", "outputs"})  # who holds a job, and where files lie
LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID", max_length=20, description="`id` of the last event that is known"
    ),
]
Read = Callable[[int], Sequence[Event]]


@dataclass(frozen=True, slots=True)
class Sight:
    """Whether it has ended, and what changes too often to be written down as events."""

    ended: bool
    progress: JobEvent | None = None


Look = Callable[[int], Sight]
_STREAM: Responses = {
    200: {
        "description": "A stream that ends after the last event; comments keep it alive meanwhile."
        " `job.progress` has no id: it is told of as it is now, and not again after a break.",
        "content": {
            "text/event-stream": {
                "example": "event: job.running\nid: 1204\n"
                'data: {"seq": 1204, "kind": "job.running", "job_id": "job_01k9"}\n\n'
            }
        },
    }
}


async def last_seen(given: LastEventId = None) -> int:
    """The number after which to go on; anything else begins at the beginning."""
    return int(given) if given is not None and given.isascii() and given.isdigit() else 0


def of_job(parts: Parts, who: Reader, job_id: JobId) -> tuple[Read, Look]:
    """How to read a job's events, and to look at the job. Raises NotFoundError."""
    parts.store.jobs.get(who.tenant_id, job_id)

    def read(seq: int) -> Sequence[Event]:
        return parts.store.events.after(who.tenant_id, seq, job_id=job_id, limit=_PAGE)

    return read, lambda seq: _look_at_job(parts, who.tenant_id, job_id, seq)


def of_batch(parts: Parts, who: Reader, batch_id: BatchId) -> tuple[Read, Look]:
    """How to read a batch's events, and to look at the batch. Raises NotFoundError."""
    parts.store.batches.get(who.tenant_id, batch_id)

    def read(seq: int) -> Sequence[Event]:
        return parts.store.events.after(who.tenant_id, seq, batch_id=batch_id, limit=_PAGE)

    def look(seq: int) -> Sight:
        return Sight(parts.store.batches.get(who.tenant_id, batch_id).finished_at is not None)

    return read, look


async def place(request: Request) -> AsyncIterator[None]:
    """One of the streams that this process bears, for as long as it goes on.

    Raises UnavailableError if there is none left: another process may have one.
    """
    streams: CapacityLimiter = request.app.state.streams
    try:
        streams.acquire_on_behalf_of_nowait(request)
    except WouldBlock:
        raise UnavailableError(f"{MOST_STREAMS} streams of events are read already.") from None
    try:
        yield
    finally:
        streams.release_on_behalf_of(request)


@router.get(
    "/jobs/{job_id}/events",
    name="events",
    tags=["jobs"],
    summary="Follow a job",
    response_class=EventSourceResponse,
    dependencies=[Depends(place)],
    responses=_STREAM | refusals(NotFoundError, UnavailableError),
)
async def job_events(
    request: Request,
    source: Annotated[tuple[Read, Look], Depends(of_job)],
    seen: Annotated[int, Depends(last_seen)],
) -> AsyncIterator[ServerSentEvent]:
    """Everything that happened to a job from its beginning, and what will, until it ends.

    Between events, `job.progress` tells how far it is. After a break, `Last-Event-ID` goes on where
    it was.
    """
    async for event in _follow(request, *source, seen):
        yield event


@router.get(
    "/batches/{batch_id}/events",
    name="events",
    tags=["batches"],
    summary="Follow a batch",
    response_class=EventSourceResponse,
    dependencies=[Depends(place)],
    responses=_STREAM | refusals(NotFoundError, UnavailableError),
)
async def batch_events(
    request: Request,
    source: Annotated[tuple[Read, Look], Depends(of_batch)],
    seen: Annotated[int, Depends(last_seen)],
) -> AsyncIterator[ServerSentEvent]:
    """Everything that happens to the jobs of a batch, until the last of them ends."""
    async for event in _follow(request, *source, seen):
        yield event


async def _follow(
    request: Request, read: Read, look: Look, seen: int
) -> AsyncIterator[ServerSentEvent]:
    """Events after number `seen`. The end is looked for before the events: none is left behind."""
    progress: JobEvent | None = None
    while not await request.is_disconnected():
        sight, events = await run_in_threadpool(_look_and_read, look, read, seen)
        for event in events:
            seen = event.seq
            yield ServerSentEvent(data=told(event), event=event.kind, id=str(event.seq))
        if sight.ended and not events:
            return
        if not events:
            if sight.progress is not None and _is_news(sight.progress, progress):
                progress = sight.progress
                yield ServerSentEvent(data=progress, event=progress.kind)
            await asyncio.sleep(POLL_S)


def _look_and_read(look: Look, read: Read, seen: int) -> tuple[Sight, Sequence[Event]]:
    """In this order: what ends between the two is told the next time."""
    return look(seen), read(seen)


def _is_news(now: JobEvent, before: JobEvent | None) -> bool:
    """Whether more is done than before; the guess of the time left alone is no news."""
    return before is None or _done(now) != _done(before)


def _done(event: JobEvent) -> object:
    progress = event.data["progress"]
    return event.data["phase"], progress["done"], progress["total"]


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


def _look_at_job(parts: Services, tenant_id: str, job_id: str, seq: int) -> Sight:
    try:
        job = parts.store.jobs.get(tenant_id, job_id)
    except NotFoundError:  # deleted meanwhile
        return Sight(ended=True)
    now = parts.store.database.now()
    data = {"phase": job.phase, "progress": progress_of(job, now).model_dump()}
    news = JobEvent(seq=seq, kind=PROGRESS, at=now, job_id=job.id, batch_id=job.batch_id, data=data)
    return Sight(job.state in ENDED, news if job.state is JobState.RUNNING else None)
