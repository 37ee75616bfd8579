"""Schedules, and the one run that each of their due times has."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from afgen.errors import NotFoundError
from afgen.jobs.states import ACTIVE
from afgen.jobs.store.database import Database, in_states, insert_new
from afgen.jobs.store.lists import Place, page
from afgen.jobs.store.moves import JobRules, NewJob, create_jobs, require_room
from afgen.jobs.tables import Job, Json, Schedule, ScheduleRun


@dataclass(frozen=True, slots=True)
class NewSchedule:
    """A schedule to be made; `next_at` is its first due time."""

    id: str
    name: str
    cron: str
    timezone: str
    overlap: str
    misfire: str
    spec: Json
    next_at: datetime | None
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a due time: a job, or why there is none."""

    word: str  # submitted, skipped, missed, failed
    job: NewJob | None = None
    error: Json | None = None


class Schedules:
    """The schedules of tenants."""

    def __init__(self, database: Database, rules: JobRules) -> None:
        self._database = database
        self._rules = rules

    def create(self, tenant_id: str, new: NewSchedule) -> Schedule:
        """Make a schedule, or find the one made with the same id."""
        with self._database.write() as session:
            if session.get(Schedule, new.id) is not None:
                return _own(session, tenant_id, new.id)
            schedule = Schedule(
                id=new.id, tenant_id=tenant_id, name=new.name, cron=new.cron,
                timezone=new.timezone, overlap=new.overlap, misfire=new.misfire, spec=new.spec,
                enabled=new.enabled, created_at=self._database.now(), next_at=new.next_at,
            )  # fmt: skip
            session.add(schedule)
        return schedule

    def get(self, tenant_id: str, schedule_id: str) -> Schedule:
        """One schedule. Raises NotFoundError."""
        with self._database.read() as session:
            return _own(session, tenant_id, schedule_id)

    def list(
        self, tenant_id: str, *, after: Place | None = None, limit: int = 50
    ) -> Sequence[Schedule]:
        """A page of schedules, the newest first."""
        own = Schedule.tenant_id == tenant_id
        with self._database.read() as session:
            return page(session, Schedule, own, after=after, limit=limit)

    def change(self, tenant_id: str, schedule_id: str, **changes: Any) -> Schedule:
        """Set columns by name. Raises NotFoundError."""
        own = (Schedule.id == schedule_id, Schedule.tenant_id == tenant_id)
        with self._database.write() as session:
            _own(session, tenant_id, schedule_id)
            changed = update(Schedule).where(*own).values(changes).returning(Schedule)
            return session.scalars(changed, execution_options={"populate_existing": True}).one()

    def delete(self, tenant_id: str, schedule_id: str) -> None:
        """Delete a schedule and what is known of its runs; its jobs stay. Raises NotFoundError."""
        own = (Schedule.id == schedule_id, Schedule.tenant_id == tenant_id)
        with self._database.write() as session:
            _own(session, tenant_id, schedule_id)
            session.execute(delete(Schedule).where(*own))

    def due(self, limit: int = 100) -> Sequence[Schedule]:
        """Schedules that have something to do by now, the longest overdue first."""
        over = (
            select(Schedule)
            .where(Schedule.enabled, Schedule.next_at <= self._database.now())
            .order_by(Schedule.next_at)
            .limit(limit)
        )
        with self._database.read() as session:
            return session.scalars(over).all()

    def run(
        self, schedule: Schedule, due_at: datetime, outcome: Outcome, most_active: float = math.inf
    ) -> bool:
        """Note what becomes of a due time, and make its job. False: somebody else has done it.

        Raises:
            AssetNotReadyError: an input is not ready, or there is no such upload.
            QuotaError: the tenant would have more than `most_active` jobs queued and running.
        Then nothing is noted.
        """
        now = self._database.now()
        row = {
            "schedule_id": schedule.id,
            "due_at": due_at,
            "at": now,
            "outcome": outcome.word,
            "job_id": outcome.job.id if outcome.job else None,
            "error": outcome.error,
        }
        with self._database.write() as session:
            if not insert_new(session, ScheduleRun, row, ("schedule_id", "due_at")):
                return False
            if outcome.job is not None:
                require_room(session, schedule.tenant_id, 1, most_active)
                create_jobs(session, schedule.tenant_id, [outcome.job], self._rules, now)
            return True

    def advance(self, schedule: Schedule, next_at: datetime | None, last_at: datetime) -> bool:
        """Go on to the next due time. False: the schedule was changed, or went on, meanwhile."""
        as_read = (Schedule.id == schedule.id, Schedule.next_at == schedule.next_at)
        went_on = update(Schedule).where(*as_read).values(next_at=next_at, last_at=last_at)
        with self._database.write() as session:
            return session.connection().execute(went_on).rowcount == 1

    def active(self, schedule_id: str) -> Sequence[Job]:
        """Jobs of a schedule that have not ended, the oldest first."""
        left = select(Job).where(Job.schedule_id == schedule_id, in_states(ACTIVE))
        with self._database.read() as session:
            return session.scalars(left.order_by(Job.created_at, Job.id)).all()

    def runs(
        self,
        tenant_id: str,
        schedule_id: str,
        *,
        before: datetime | None = None,
        limit: int = 50,
    ) -> Sequence[ScheduleRun]:
        """What became of the latest due times before `before`. Raises NotFoundError."""
        chosen = select(ScheduleRun).where(ScheduleRun.schedule_id == schedule_id)
        if before is not None:
            chosen = chosen.where(ScheduleRun.due_at < before)
        with self._database.read() as session:
            _own(session, tenant_id, schedule_id)
            return session.scalars(chosen.order_by(ScheduleRun.due_at.desc()).limit(limit)).all()

    def count(self, tenant_id: str) -> int:
        """How many schedules a tenant has."""
        counted = select(func.count()).where(Schedule.tenant_id == tenant_id)
        with self._database.read() as session:
            return session.scalar(counted) or 0


def _own(session: Session, tenant_id: str, schedule_id: str) -> Schedule:
    schedule = session.get(Schedule, schedule_id)
    if schedule is None or schedule.tenant_id != tenant_id:
        raise NotFoundError(f"There is no schedule {schedule_id}.")
    return schedule
