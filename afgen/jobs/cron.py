"""When a schedule is due: cron expressions in the time of a zone, and what to do about lost time.

Five fields, with the rules of Debian's cron (cronsim). Where clocks are set:

- a time that does not exist (set forward) is due at the first minute that does;
- a time that exists twice (set back) is due the first time;
- where the minute or the hour begins with `*`, time goes on evenly: such a schedule is due in every
  hour there is, and not in an hour that there is not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from afgen.errors import ScheduleError

MOST_AT_ONCE: Final = 24  # due times that are caught up with, or written down as missed
GRACE: Final = timedelta(minutes=5)  # a due time so late is still on time
_SOME_DAY: Final = datetime(2024, 1, 1, tzinfo=UTC)
_FIELDS: Final = 5
_MOST_CHARACTERS: Final = 200
_MOMENT: Final = timedelta(microseconds=1)


class Overlap(StrEnum):
    """What to do when the job of an earlier due time is still there."""

    SKIP = "skip"
    QUEUE = "queue"
    CANCEL_RUNNING = "cancel_running"


class Misfire(StrEnum):
    """What to do about due times that nobody was there for."""

    SKIP = "skip"
    ONCE = "once"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression that is ever due, and the zone whose clocks it is read by."""

    expression: str
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done now; all times are UTC and rising."""

    start: tuple[datetime, ...]
    missed: tuple[datetime, ...]
    next_at: datetime | None


def parse_cron(expression: str, timezone: str) -> Cron:
    """A cron expression and an IANA zone, checked. Raises ScheduleError."""
    fields = expression.split()
    if len(fields) != _FIELDS or len(expression) > _MOST_CHARACTERS:
        raise ScheduleError("A cron expression has five fields.")
    cron = Cron(" ".join(fields), _zone(timezone))
    try:
        due = next_after(cron, _SOME_DAY)
    except (CronSimError, ValueError) as error:
        raise ScheduleError(f"The cron expression cannot be read: {error}.") from None
    if due is None:
        raise ScheduleError("The cron expression is never due.")
    return cron


def next_after(cron: Cron, after: datetime) -> datetime | None:
    """The first due time later than `after`, in UTC; None where there is none for fifty years."""
    # From inside an hour that comes twice, cronsim also gives times of the first one.
    return next((at for at in _times(cron, after) if at > after), None)


def next_times(cron: Cron, after: datetime, count: int) -> list[datetime]:
    """The next `count` due times, as people see them before they save a schedule."""
    times: list[datetime] = []
    while len(times) < count and (at := next_after(cron, after)) is not None:
        times.append(at)
        after = at
    return times


def plan(
    cron: Cron, next_at: datetime, now: datetime, misfire: Misfire, grace: timedelta = GRACE
) -> Plan:
    """What a schedule whose next due time was `next_at` has to start.

    Due times within `grace` are on time. Of the others, `Misfire.ONCE` starts the latest, unless
    one is on time anyway; `Misfire.ALL` starts all. More than MOST_AT_ONCE are forgotten.
    """
    due = _latest(cron, next_at, now)
    late = [at for at in due if now - at > grace]
    on_time = due[len(late) :]
    caught_up = {
        Misfire.SKIP: [],
        Misfire.ONCE: [] if on_time else late[-1:],
        Misfire.ALL: late,
    }[misfire]
    missed = late[: len(late) - len(caught_up)]
    return Plan(tuple(caught_up + on_time), tuple(missed), next_after(cron, now))


def _latest(cron: Cron, first: datetime, now: datetime) -> list[datetime]:
    """Due times from `first` to `now`, the latest MOST_AT_ONCE of them.

    Looks back further and further, so that a year asleep costs no more than an hour.
    """
    back = timedelta(hours=1)
    while True:
        start = max(first - _MOMENT, now - back)
        due = list(_between(cron, start, now))
        if len(due) >= MOST_AT_ONCE or start < first:
            return due[-MOST_AT_ONCE:]
        back *= 4


def _between(cron: Cron, after: datetime, until: datetime) -> Iterator[datetime]:
    """Due times in (after, until], each once."""
    latest = after
    for at in _times(cron, after):
        if at > until:
            return
        if at > latest:
            yield at
            latest = at


def _times(cron: Cron, after: datetime) -> Iterator[datetime]:
    """What cronsim gives, in UTC: falling back behind `after`, and double, where clocks are set."""
    local = after.astimezone(cron.zone)
    return (at.astimezone(UTC) for at in CronSim(cron.expression, local))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise ScheduleError(f"There is no time zone {name!r}.") from None
