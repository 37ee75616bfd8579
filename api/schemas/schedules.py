"""Schedules: jobs that are made again and again."""

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from afgen.jobs.cron import Misfire, Overlap
from afgen.jobs.spec import JobSpec
from api.schemas.common import NOW, ULID, ErrorOut, Given, Json, Told, example
from api.schemas.jobs import SPEC

NIGHTLY: Json = {
    "name": "nightly",
    "cron": "0 2 * * *",
    "timezone": "Europe/Berlin",
    "overlap": "skip",
    "misfire": "once",
    "job": SPEC | {"priority": "batch"},
}
SCHEDULE: Json = {
    "id": f"sch_{ULID}",
    **NIGHTLY,
    "enabled": True,
    "created_at": NOW,
    "next_at": "2026-03-02T01:00:00Z",
    "last_at": None,
}


class ScheduleIn(Given):
    """When to make which job."""

    model_config = ConfigDict(json_schema_extra=example(NIGHTLY))

    name: str = Field("", max_length=200)
    cron: str = Field(max_length=200, description="minute, hour, day, month, weekday")
    timezone: str = Field("UTC", max_length=64, description="IANA name of the zone")
    overlap: Overlap = Field(
        Overlap.SKIP, description="what to do while the job of an earlier time is still there"
    )
    misfire: Misfire = Field(
        Misfire.ONCE, description="what to do about times at which the service was down"
    )
    job: JobSpec


class ScheduleChange(Given):
    """What is to be changed of a schedule; what is left out stays."""

    model_config = ConfigDict(json_schema_extra=example({"cron": "30 3 * * 1-5"}))

    name: str | None = Field(None, max_length=200)
    cron: str | None = Field(None, max_length=200)
    timezone: str | None = Field(None, max_length=64)
    overlap: Overlap | None = None
    misfire: Misfire | None = None
    job: JobSpec | None = None


class ScheduleOut(Told):
    """A schedule."""

    model_config = ConfigDict(json_schema_extra=example(SCHEDULE))

    id: str
    name: str
    cron: str
    timezone: str
    overlap: Overlap
    misfire: Misfire
    job: JobSpec
    enabled: bool
    created_at: datetime
    next_at: datetime | None = Field(description="null while paused")
    last_at: datetime | None


class NextRuns(Told):
    """Due times to come, in UTC."""

    model_config = ConfigDict(
        json_schema_extra=example({"at": ["2026-03-02T01:00:00Z", "2026-03-03T01:00:00Z"]})
    )

    at: list[datetime]


class RunOut(Told):
    """What became of one due time."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "due_at": NOW,
                "at": NOW,
                "outcome": "submitted",
                "job_id": f"job_{ULID}",
                "error": None,
            }
        )
    )

    due_at: datetime
    at: datetime
    outcome: Literal["submitted", "skipped", "missed", "failed"]
    job_id: str | None
    error: ErrorOut | None
