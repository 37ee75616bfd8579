"""Starting what schedules have due: one run a due time, however many look at once."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from afgen.errors import ConflictError, OptionError, RequestError, ScheduleError
from afgen.jobs.cron import Misfire, Overlap, parse_cron, plan
from afgen.jobs.ids import Kind, new_id
from afgen.jobs.limits import quotas_of, require_seconds_left
from afgen.jobs.settings import ServiceSettings
from afgen.jobs.spec import JobSpec
from afgen.jobs.store import Store
from afgen.jobs.store.database import Clock
from afgen.jobs.store.leases import error_record
from afgen.jobs.store.moves import NewJob
from afgen.jobs.store.schedules import Outcome
from afgen.jobs.tables import Job, Schedule

LOG = logging.getLogger("afgen.jobs")

SUBMITTED: Final = "submitted"
SKIPPED: Final = "skipped"  # the job of an earlier due time was still there
MISSED: Final = "missed"  # nobody was there in time
FAILED: Final = "failed"  # no job could be made


def start_due(store: Store, settings: ServiceSettings, clock: Clock) -> int:
    """Make the jobs of all due times until now; gives how many. The outbox sends them.

    Each due time has one row, made in one transaction with its job: of several that run this at
    once, one makes the job.
    """
    return sum(_start(store, settings, clock(), schedule) for schedule in store.schedules.due())


def _start(store: Store, settings: ServiceSettings, now: datetime, schedule: Schedule) -> int:
    try:
        cron = parse_cron(schedule.cron, schedule.timezone)
    except ScheduleError as error:  # a zone that is no longer known
        LOG.warning("%s is never due again: %s", schedule.id, error)
        store.schedules.advance(schedule, None, now)
        return 0
    due = plan(cron, schedule.next_at or now, now, Misfire(schedule.misfire))
    for due_at in due.missed:
        store.schedules.run(schedule, due_at, Outcome(MISSED))
    started = [_run(store, settings, now, schedule, due_at) for due_at in due.start]
    store.schedules.advance(schedule, due.next_at, now)
    return sum(started)


def _run(
    store: Store, settings: ServiceSettings, now: datetime, schedule: Schedule, due_at: datetime
) -> bool:
    """One due time: a job, or a word on why there is none. Says whether a job was made here."""
    earlier = store.schedules.active(schedule.id)
    if earlier and schedule.overlap == Overlap.SKIP:
        store.schedules.run(schedule, due_at, Outcome(SKIPPED))
        return False
    quotas = quotas_of(settings, store.tenants.get(schedule.tenant_id).limits)
    try:
        require_seconds_left(store, schedule.tenant_id, quotas)
        outcome = Outcome(SUBMITTED, _job(schedule, now))
        submitted = store.schedules.run(schedule, due_at, outcome, quotas.active_jobs)
    except (RequestError, OptionError) as error:
        failed = Outcome(FAILED, error=error_record(error))
        store.schedules.run(schedule, due_at, failed)
        return False
    # Only now: had somebody else submitted it, its job would be among the earlier ones.
    if submitted and schedule.overlap == Overlap.CANCEL_RUNNING:
        _cancel(store, earlier)
    return submitted


def _job(schedule: Schedule, now: datetime) -> NewJob:
    try:
        spec = JobSpec.model_validate(schedule.spec)
    except ValidationError:
        raise OptionError("The schedule's job is not one any more: save it anew.") from None
    return NewJob(new_id(Kind.JOB, now), spec, schedule_id=schedule.id)


def _cancel(store: Store, jobs: Sequence[Job]) -> None:
    for job in jobs:
        with suppress(ConflictError):  # it has ended meanwhile
            store.jobs.cancel(job.tenant_id, job.id)
