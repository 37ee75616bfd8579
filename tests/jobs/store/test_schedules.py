from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from afgen.errors import AssetNotReadyError, NotFoundError
from afgen.jobs.ids import Kind, new_id
from afgen.jobs.store import Store
from afgen.jobs.store.moves import NewJob
from afgen.jobs.store.schedules import NewSchedule, Outcome
from afgen.jobs.tables import Schedule, Tenant
from tests.jobs.conftest import Clock
from tests.jobs.made import spec_of

HOUR = timedelta(hours=1)


def hourly(store: Store, tenant: Tenant, enabled: bool = True) -> Schedule:
    now = store.database.now()
    new = NewSchedule(
        new_id(Kind.SCHEDULE, now), "hourly", "0 * * * *", "UTC", "skip", "once",
        spec_of().model_dump(mode="json"), now + HOUR, enabled,
    )  # fmt: skip
    return store.schedules.create(tenant.id, new)


def submitted(store: Store, schedule: Schedule, **spec: str) -> Outcome:
    job_id = new_id(Kind.JOB, store.database.now())
    return Outcome("submitted", NewJob(job_id, spec_of(**spec), schedule_id=schedule.id))


def test_only_what_is_enabled_is_ever_due(store: Store, tenant: Tenant, clock: Clock) -> None:
    schedule = hourly(store, tenant)
    hourly(store, tenant, enabled=False)
    assert store.schedules.due() == []
    clock.ahead = 2 * HOUR
    assert [due.id for due in store.schedules.due()] == [schedule.id]


def test_a_due_time_has_one_run(store: Store, tenant: Tenant) -> None:
    """However many clocks of the service there are."""
    schedule = hourly(store, tenant)
    due_at = schedule.next_at
    assert due_at is not None

    def run(_: int) -> bool:
        return store.schedules.run(schedule, due_at, submitted(store, schedule))

    with ThreadPoolExecutor(8) as clocks:
        assert sum(clocks.map(run, range(8))) == 1
    (job,) = store.schedules.active(schedule.id)
    (noted,) = store.schedules.runs(tenant.id, schedule.id)
    assert (noted.due_at, noted.outcome, noted.job_id) == (due_at, "submitted", job.id)


def test_a_run_that_cannot_be_made_is_not_noted(store: Store, tenant: Tenant) -> None:
    schedule = hourly(store, tenant)
    due_at = store.database.now()
    gone = submitted(store, schedule, portrait="ast_" + "0" * 26)
    with pytest.raises(AssetNotReadyError):
        store.schedules.run(schedule, due_at, gone)
    failed = Outcome("failed", error={"code": "asset_not_ready"})
    assert store.schedules.run(schedule, due_at, failed)
    assert store.schedules.active(schedule.id) == []


def test_going_on_does_not_undo_a_change(store: Store, tenant: Tenant) -> None:
    schedule = hourly(store, tenant)
    now = store.database.now()
    store.schedules.change(tenant.id, schedule.id, next_at=now + 5 * HOUR)
    assert not store.schedules.advance(schedule, now + 2 * HOUR, now)
    fresh = store.schedules.get(tenant.id, schedule.id)
    assert fresh.next_at == now + 5 * HOUR
    assert store.schedules.advance(fresh, None, now)


def test_runs_come_page_by_page(store: Store, tenant: Tenant) -> None:
    schedule = hourly(store, tenant)
    now = store.database.now()
    for hours in range(5):
        store.schedules.run(schedule, now + hours * HOUR, Outcome("skipped"))
    newest = store.schedules.runs(tenant.id, schedule.id, limit=2)
    older = store.schedules.runs(tenant.id, schedule.id, before=newest[-1].due_at)
    assert [run.due_at for run in (*newest, *older)] == [now + at * HOUR for at in (4, 3, 2, 1, 0)]


def test_jobs_outlive_their_schedule(store: Store, tenant: Tenant) -> None:
    schedule = hourly(store, tenant)
    outcome = submitted(store, schedule)
    store.schedules.run(schedule, store.database.now(), outcome)
    store.schedules.delete(tenant.id, schedule.id)
    assert outcome.job is not None
    assert store.jobs.get(tenant.id, outcome.job.id).schedule_id is None
    assert store.schedules.count(tenant.id) == 0


def test_others_do_not_see_a_schedule(store: Store, tenant: Tenant) -> None:
    schedule, other = hourly(store, tenant), store.tenants.create("theirs")
    for ask in (store.schedules.get, store.schedules.delete, store.schedules.runs,
                store.schedules.change):  # fmt: skip
        with pytest.raises(NotFoundError):
            ask(other.id, schedule.id)
    assert store.schedules.list(other.id) == []
