"""Due times become jobs: each one once, and by the schedule's policies."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from afgen.jobs.cron import Misfire, Overlap
from afgen.jobs.ids import Kind, new_id
from afgen.jobs.scheduling import start_due
from afgen.jobs.settings import ServiceSettings
from afgen.jobs.store import Store
from afgen.jobs.store.leases import lease_of
from afgen.jobs.store.schedules import NewSchedule
from afgen.jobs.tables import Job, Json, Schedule, Tenant
from tests.jobs.made import RESULT, running

NIGHT = datetime(2026, 3, 1, tzinfo=UTC)
SETTINGS = ServiceSettings(quota_active_jobs=10)
SPEC: Json = {
    "inputs": {"portrait": "https://a.example/p.png", "conversation": "https://a.example/c.mp4"}
}


class Clock:
    def __init__(self) -> None:
        self.now = NIGHT

    def __call__(self) -> datetime:
        return self.now

    def set(self, hours: float) -> None:
        self.now = NIGHT + timedelta(hours=hours)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def scheduled(
    store: Store,
    tenant: Tenant,
    overlap: Overlap = Overlap.QUEUE,
    misfire: Misfire = Misfire.ALL,
    spec: Json = SPEC,
    timezone: str = "UTC",
) -> Schedule:
    """Due every hour, from the first hour after NIGHT on."""
    first = NIGHT + timedelta(hours=1)
    new = NewSchedule(
        new_id(Kind.SCHEDULE, NIGHT), "hourly", "0 * * * *", timezone, overlap, misfire, spec, first
    )
    return store.schedules.create(tenant.id, new)


def outcomes(store: Store, schedule: Schedule) -> list[str]:
    """What became of the due times, the earliest first."""
    runs = store.schedules.runs(schedule.tenant_id, schedule.id)
    return [run.outcome for run in reversed(runs)]


def jobs(store: Store, schedule: Schedule) -> list[Job]:
    made = store.jobs.list(schedule.tenant_id)
    return sorted(made, key=lambda job: job.id)


def test_a_due_time_becomes_a_job_once(store: Store, tenant: Tenant, clock: Clock) -> None:
    schedule = scheduled(store, tenant)
    clock.set(hours=0.99)
    assert start_due(store, SETTINGS, clock) == 0
    clock.set(hours=1)
    assert start_due(store, SETTINGS, clock) == 1
    assert start_due(store, SETTINGS, clock) == 0
    (job,) = jobs(store, schedule)
    (run,) = store.schedules.runs(tenant.id, schedule.id)
    assert (job.schedule_id, run.job_id, run.due_at) == (schedule.id, job.id, clock.now)
    after = store.schedules.get(tenant.id, schedule.id)
    assert (after.next_at, after.last_at) == (NIGHT + timedelta(hours=2), clock.now)


@pytest.mark.parametrize("overlap", Overlap)
def test_many_that_look_at_once_make_one_job_a_due_time(
    store: Store, tenant: Tenant, clock: Clock, overlap: Overlap
) -> None:
    schedules = [scheduled(store, tenant, overlap) for _ in range(3)]
    clock.set(hours=1)
    ready = Barrier(6)

    def beat(_: int) -> int:
        ready.wait()
        return start_due(store, SETTINGS, clock)

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(beat, range(6))) == 3
    made = store.jobs.list(tenant.id)
    assert {job.schedule_id for job in made} == {schedule.id for schedule in schedules}
    assert [job.state for job in made] == ["queued"] * 3


@pytest.mark.parametrize(
    ("misfire", "words"),
    [
        (Misfire.SKIP, ["missed", "missed", "missed"]),
        (Misfire.ONCE, ["missed", "missed", "submitted"]),
        (Misfire.ALL, ["submitted", "submitted", "submitted"]),
    ],
)
def test_time_asleep_is_made_up_for_by_policy(
    store: Store, tenant: Tenant, clock: Clock, misfire: Misfire, words: list[str]
) -> None:
    schedule = scheduled(store, tenant, misfire=misfire)
    clock.set(hours=3.5)
    assert start_due(store, SETTINGS, clock) == words.count("submitted")
    assert outcomes(store, schedule) == words


@pytest.mark.parametrize(
    ("overlap", "words", "states"),
    [
        (Overlap.SKIP, ["submitted", "skipped"], ["running"]),
        (Overlap.QUEUE, ["submitted", "submitted"], ["running", "queued"]),
        (Overlap.CANCEL_RUNNING, ["submitted", "submitted"], ["canceling", "queued"]),
    ],
)
def test_a_job_that_is_still_there_is_met_by_policy(
    store: Store,
    tenant: Tenant,
    clock: Clock,
    overlap: Overlap,
    words: list[str],
    states: list[str],
) -> None:
    schedule = scheduled(store, tenant, overlap)
    clock.set(hours=1)
    start_due(store, SETTINGS, clock)
    assert store.leases.claim(jobs(store, schedule)[0].id, "worker") is not None
    clock.set(hours=2)
    start_due(store, SETTINGS, clock)
    assert outcomes(store, schedule) == words
    assert [job.state for job in jobs(store, schedule)] == states


def test_a_job_that_has_ended_is_in_nobodys_way(store: Store, tenant: Tenant, clock: Clock) -> None:
    schedule = scheduled(store, tenant, Overlap.SKIP)
    clock.set(hours=1)
    start_due(store, SETTINGS, clock)
    store.jobs.cancel(tenant.id, jobs(store, schedule)[0].id)
    clock.set(hours=2)
    assert start_due(store, SETTINGS, clock) == 1


def test_a_job_that_cannot_be_made_is_a_failed_run(
    store: Store, tenant: Tenant, clock: Clock
) -> None:
    asset = new_id(Kind.ASSET, NIGHT)
    bad_input = scheduled(store, tenant, spec={"inputs": {**SPEC["inputs"], "portrait": asset}})
    old_spec = scheduled(store, tenant, spec={"inputs": SPEC["inputs"], "no longer": "there"})
    clock.set(hours=1)
    assert start_due(store, SETTINGS, clock) == 0
    for schedule, code in ((bad_input, "asset_not_ready"), (old_spec, "option")):
        (run,) = store.schedules.runs(tenant.id, schedule.id)
        assert (run.outcome, run.job_id) == ("failed", None)
        assert run.error is not None
        assert run.error["code"] == code


def test_scheduled_jobs_count_against_the_quota(store: Store, tenant: Tenant, clock: Clock) -> None:
    store.tenants.limit(tenant.id, {"quota_active_jobs": 2})
    schedule = scheduled(store, tenant)
    clock.set(hours=3)
    assert start_due(store, SETTINGS, clock) == 2
    assert outcomes(store, schedule) == ["submitted", "submitted", "failed"]


def test_a_day_whose_seconds_are_used_up_makes_no_more(
    store: Store, tenant: Tenant, clock: Clock
) -> None:
    store.tenants.limit(tenant.id, {"quota_seconds_a_day": 2})
    _, lease = running(store, tenant.id)
    store.leases.finish(lease, RESULT)  # 2.5 s
    schedule = scheduled(store, tenant, misfire=Misfire.ONCE)
    clock.set(hours=1)
    start_due(store, SETTINGS, clock)
    clock.set(hours=24)  # the next day
    start_due(store, SETTINGS, clock)
    made = outcomes(store, schedule)
    assert (made[0], made[-1]) == ("failed", "submitted")


def test_a_zone_that_is_no_longer_known_stops_that_schedule_alone(
    store: Store, tenant: Tenant, clock: Clock
) -> None:
    lost = scheduled(store, tenant, timezone="Atlantis/Capital")
    scheduled(store, tenant)
    clock.set(hours=1)
    assert start_due(store, SETTINGS, clock) == 1
    assert store.schedules.get(tenant.id, lost.id).next_at is None


def test_a_job_that_its_worker_handed_back_is_still_there(
    store: Store, tenant: Tenant, clock: Clock
) -> None:
    schedule = scheduled(store, tenant, Overlap.SKIP)
    clock.set(hours=1)
    start_due(store, SETTINGS, clock)
    claimed = store.leases.claim(jobs(store, schedule)[0].id, "worker")
    assert claimed is not None
    store.leases.hand_over(lease_of(claimed))
    clock.set(hours=2)
    assert start_due(store, SETTINGS, clock) == 0
