"""How long lists and claims take when few, and when very many, jobs wait."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from afgen.jobs.bench.load import percentile
from afgen.jobs.ids import Kind, new_id
from afgen.jobs.spec import BatchItem, Inputs, JobSpec
from afgen.jobs.states import JobState, Priority
from afgen.jobs.store import Store
from afgen.jobs.store.jobs import JobFilter
from afgen.jobs.store.lists import Place, place_of

_ADDRESS: Final = "https://media.example.com"
_SPEC: Final = JobSpec(
    inputs=Inputs(portrait=f"{_ADDRESS}/me.jpg", conversation=f"{_ADDRESS}/call.mp4"),
    priority=Priority.BATCH,
)
_PAGE: Final = 50
_PAGES: Final = 40
_DEPTH: Final = 64  # messages in the broker at a time, as `queue_depth` has it
_QUEUED: Final = JobFilter(states=frozenset({JobState.QUEUED}))


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """Of one length of the queue. A claim includes its part of looking for what is to be sent."""

    waiting: int
    filled_s: float  # to make all of them as one batch
    page_p50_ms: float  # of 50 queued jobs, wherever in the list
    page_p95_ms: float
    claims: int
    claims_per_s: float


def queue_speed(store: Store, tenant_id: str, waiting: int, claims: int) -> QueueFigures:
    """Measure on an empty database, which has `waiting` jobs afterwards, `claims` of them begun."""
    items = [BatchItem(key=f"item-{number:06d}", job=_SPEC) for number in range(waiting)]
    batch_id = new_id(Kind.BATCH, store.database.now())
    filled_s = _timed(
        lambda: store.batches.create(tenant_id, batch_id, "bench", items, most_active=waiting)
    )
    pages_ms = sorted(took_s * 1000 for took_s in _pages(store, tenant_id))
    claims_s = _timed(lambda: _claim(store, claims))
    return QueueFigures(
        waiting=waiting,
        filled_s=round(filled_s, 2),
        page_p50_ms=round(percentile(pages_ms, 0.50), 2),
        page_p95_ms=round(percentile(pages_ms, 0.95), 2),
        claims=claims,
        claims_per_s=round(claims / claims_s, 1),
    )


def _pages(store: Store, tenant_id: str) -> Iterator[float]:
    """Seconds for pages from the first on, begun anew at the end."""
    after: Place | None = None
    for _ in range(_PAGES):
        began = time.perf_counter()
        rows = store.jobs.list(tenant_id, _QUEUED, after=after, limit=_PAGE)
        yield time.perf_counter() - began
        after = place_of(rows[-1]) if len(rows) == _PAGE else None


def _claim(store: Store, claims: int) -> None:
    """What sweep and worker do with the database for each job."""
    left = claims
    while left > 0:
        ids = store.outbox.unsent(Priority.BATCH, min(_DEPTH, left))
        store.outbox.mark_sent(ids)
        for job_id in ids:
            if store.leases.claim(job_id, "bench") is None:
                raise RuntimeError(f"{job_id} could not be claimed")
        left -= len(ids)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
