"""What is asked all the time is found by an index, however many jobs there are."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, event, select

from afgen.errors import LeaseLostError
from afgen.jobs.states import JobState, Priority
from afgen.jobs.store import Store
from afgen.jobs.store.jobs import JobFilter
from afgen.jobs.store.leases import Lease
from afgen.jobs.store.lists import Place
from afgen.jobs.tables import Job, Tenant
from tests.jobs.made import PLENTY, items

Ask = Callable[[Store, str], object]
QUEUED = JobFilter(states=frozenset({JobState.QUEUED}))
PLACE = Place(datetime(2026, 1, 1, tzinfo=UTC), "job_1")
DEAR = ("enable_seqscan", "enable_bitmapscan", "enable_sort")  # for small tables, the cheap ways
LARGE = ("jobs", "job_events", "assets", "job_assets", "deliveries")
ASKED: dict[str, Ask] = {
    "claim": lambda store, _: store.leases.claim("job_1", "worker"),
    "heartbeat": lambda store, _: store.leases.heartbeat(Lease("job_1", 1)),
    "take_back": lambda store, _: store.leases.take_back(),
    "list": lambda store, tenant: store.jobs.list(tenant),
    "next page": lambda store, tenant: store.jobs.list(tenant, after=PLACE),
    "list by state": lambda store, tenant: store.jobs.list(tenant, QUEUED),
    "active": lambda store, tenant: store.jobs.active(tenant),
    "items": lambda store, tenant: store.batches.items(tenant, "bat_1"),
    "counts": lambda store, _: store.batches.counts(["bat_1"]),
    "events": lambda store, tenant: store.events.after(tenant, 0, job_id="job_1"),
    "expired jobs": lambda store, _: store.retention.jobs(),
    "old deliveries": lambda store, _: store.deliveries.forget_before(store.database.now()),
    "expired uploads": lambda store, _: store.retention.assets(),
}  # fmt: skip


@contextmanager
def plans(engine: Engine) -> Iterator[list[str]]:
    """The lines of the plans of all statements, where reading a whole table costs the most."""
    lines: list[str] = []
    is_postgres = engine.dialect.name == "postgresql"

    def explain(connection: Any, _: Any, statement: str, parameters: Any, *__: Any) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            with closing(connection.connection.cursor()) as cursor:
                for way in DEAR if is_postgres else ():
                    cursor.execute(f"SET LOCAL {way} = off")
                words = "EXPLAIN " if is_postgres else "EXPLAIN QUERY PLAN "
                cursor.execute(words + statement, parameters)
                lines.extend(str(row[-1]) for row in cursor.fetchall())

    event.listen(engine, "before_cursor_execute", explain)
    yield lines
    event.remove(engine, "before_cursor_execute", explain)


def wholes(lines: list[str]) -> list[str]:
    """Those that read a whole table, or sort what they have read."""
    begin = [f"{words} {table}" for words in ("Seq Scan on", "SCAN") for table in LARGE]
    return [line for line in lines if line.strip(" ->").startswith((*begin, "USE TEMP", "Sort  "))]


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED.keys())
def test_no_table_that_grows_is_read_as_a_whole(store: Store, tenant: Tenant, asked: Ask) -> None:
    store.batches.create(tenant.id, "bat_1", "", items(20), PLENTY)
    with plans(store.database.engine) as lines, suppress(LeaseLostError):
        asked(store, tenant.id)
    assert lines and not wholes(lines)


def test_reading_a_whole_table_is_seen(store: Store, tenant: Tenant) -> None:
    with plans(store.database.engine) as lines, store.database.read() as session:
        session.scalars(select(Job).where(Job.leased_by == "worker").order_by(Job.attempts)).all()
    assert len(wholes(lines)) == 2


def test_turns_are_dealt_among_what_waits_alone(store: Store, tenant: Tenant) -> None:
    store.batches.create(tenant.id, "bat_1", "", items(20), PLENTY)
    with plans(store.database.engine) as lines:
        store.outbox.unsent(Priority.BATCH, 10)
    assert lines and not any("jobs" in line for line in wholes(lines))
