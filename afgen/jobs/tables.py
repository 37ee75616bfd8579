"""The tables. All rows of a tenant carry its id; all times are UTC.

Rows that the store hands out are detached: reading them is free, changing them changes nothing.
"""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    Enum,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from afgen.jobs.states import JobState, Phase, Priority

Json = dict[str, Any]

# SQLite counts up by itself only in a column of type INTEGER.
_COUNTER = BigInteger().with_variant(Integer(), "sqlite")


def _words(kind: type[StrEnum]) -> Enum:
    """Words of an enumeration, kept as text."""
    return Enum(
        kind,
        native_enum=False,
        length=16,
        values_callable=lambda words: [str(one) for one in words],
    )


class UtcDateTime(TypeDecorator[datetime]):
    """A moment. SQLite keeps no zone, so what is stored there is UTC and comes back as such."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse moments without a zone: they would mean another time on another machine."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Always with a zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """The types and names of all tables; names of constraints are fixed for migrations."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {
        datetime: UtcDateTime(),
        str: Text(),
        JobState: _words(JobState),
        Phase: _words(Phase),
        Priority: _words(Priority),
        Json: JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"),
        list[str]: JSON().with_variant(JSONB(), "postgresql"),
        list[Json]: JSON().with_variant(JSONB(), "postgresql"),
    }


def _partial(name: str, condition: str, *columns: str) -> Index:
    """An index of only the rows that `condition` holds for: those that somebody looks for."""
    return Index(name, *columns, postgresql_where=text(condition), sqlite_where=text(condition))


def _tenant() -> Mapped[str]:
    return mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))


class Tenant(Base):
    """Who uses the service. `limits` replaces single defaults of the settings, by their names."""

    __tablename__ = "tenants"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    limits: Mapped[Json]


class ApiKey(Base):
    """An API key, less its secret."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = _tenant()
    name: Mapped[str]
    secret_sha256: Mapped[str]
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "tenant_id", "created_at", "id"),)


class Asset(Base):
    """A file that was, or is being, uploaded. `state`: uploading, ready, rejected, deleted."""

    __tablename__ = "assets"

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = _tenant()
    state: Mapped[str]
    kind: Mapped[str]  # portrait or recording
    filename: Mapped[str]
    content_type: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)  # announced, then counted
    sha256: Mapped[str | None]
    blob_key: Mapped[str]  # empty once its bytes are deleted, too
    upload: Mapped[Json | None]  # upload_id, part_bytes: what goes on with a multipart upload
    facts: Mapped[Json | None]  # what the preflight found: pixels, seconds, streams
    error: Mapped[Json | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("state IN ('uploading', 'ready', 'rejected', 'deleted')", "state"),
        Index(None, "tenant_id", "created_at", "id"),
        _partial("ix_assets_kept", "blob_key <> ''", "expires_at"),
    )


class Job(Base):
    """One render: what to make, where it is, and who holds it."""

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = _tenant()
    batch_id: Mapped[str | None] = mapped_column(ForeignKey("batches.id", ondelete="CASCADE"))
    item_key: Mapped[str | None]
    schedule_id: Mapped[str | None] = mapped_column(ForeignKey("schedules.id", ondelete="SET NULL"))

    state: Mapped[JobState]
    phase: Mapped[Phase | None]
    priority: Mapped[Priority]
    spec: Mapped[Json]

    created_at: Mapped[datetime]
    queued_at: Mapped[datetime]  # not to be started before; later than now after a failure
    sent_at: Mapped[datetime | None]  # when the broker was last told; None: it has to be
    started_at: Mapped[datetime | None]  # of the latest attempt
    finished_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]  # when its files go, and, once they have, its row
    deleted_at: Mapped[datetime | None]  # gone for its owner; the row goes with the files

    attempts: Mapped[int]
    max_attempts: Mapped[int]
    lease_token: Mapped[int] = mapped_column(BigInteger)  # fences writers off; only ever grows
    leased_by: Mapped[str | None]
    lease_until: Mapped[datetime | None]  # by the clock of the database; None: nobody's

    progress_done: Mapped[int]
    progress_total: Mapped[int | None]
    outputs: Mapped[Json | None]
    error: Mapped[Json | None]  # the last one: of a queued job, that of its latest attempt
    version: Mapped[int]  # counts changes, for entity tags

    __table_args__ = (
        CheckConstraint(f"state IN {tuple(map(str, JobState))}", "state"),
        CheckConstraint("attempts <= max_attempts", "attempts"),
        CheckConstraint("(state IN ('running', 'canceling')) = (lease_until IS NOT NULL)", "lease"),
        UniqueConstraint("batch_id", "item_key"),
        Index("ix_jobs_list", "tenant_id", "created_at", "id"),
        Index("ix_jobs_list_state", "tenant_id", "state", "created_at", "id"),
        Index("ix_jobs_batch", "batch_id", "state"),
        Index("ix_jobs_schedule", "schedule_id", "state"),
        _partial("ix_jobs_queue", "state = 'queued'", "priority", "queued_at", "id"),
        _partial("ix_jobs_leases", "lease_until IS NOT NULL", "lease_until"),
        _partial("ix_jobs_kept", "expires_at IS NOT NULL", "expires_at"),
    )


class JobAsset(Base):
    """Which uploads a job needs, so that none is removed while it is still to be read."""

    __tablename__ = "job_assets"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    asset_id: Mapped[str] = mapped_column(
        ForeignKey("assets.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class Event(Base):
    """Something that happened to a job or batch; written with the change itself, never changed."""

    __tablename__ = "job_events"

    seq: Mapped[int] = mapped_column(_COUNTER, primary_key=True, autoincrement=True)
    tenant_id: Mapped[str] = _tenant()
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    batch_id: Mapped[str | None] = mapped_column(ForeignKey("batches.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    kind: Mapped[str]
    data: Mapped[Json]

    __table_args__ = (
        Index(None, "job_id", "seq"),
        Index(None, "batch_id", "seq"),
        Index(None, "tenant_id", "seq"),
    )


class Batch(Base):
    """Many jobs that were handed in together."""

    __tablename__ = "batches"

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = _tenant()
    name: Mapped[str]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]  # when the last of its jobs ended
    total: Mapped[int]

    __table_args__ = (Index(None, "tenant_id", "created_at", "id"),)


class Schedule(Base):
    """Jobs to be made again and again."""

    __tablename__ = "schedules"

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = _tenant()
    name: Mapped[str]
    cron: Mapped[str]
    timezone: Mapped[str]
    overlap: Mapped[str]  # skip, queue, cancel_running
    misfire: Mapped[str]  # skip, once, all
    spec: Mapped[Json]
    enabled: Mapped[bool]
    created_at: Mapped[datetime]
    next_at: Mapped[datetime | None]  # None: never again
    last_at: Mapped[datetime | None]

    __table_args__ = (
        Index(None, "tenant_id", "created_at", "id"),
        Index("ix_schedules_due", "next_at"),
    )


class ScheduleRun(Base):
    """What became of one due time. There is one row a due time, whoever sees it first."""

    __tablename__ = "schedule_runs"

    schedule_id: Mapped[str] = mapped_column(
        ForeignKey("schedules.id", ondelete="CASCADE"), primary_key=True
    )
    due_at: Mapped[datetime] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    outcome: Mapped[str]  # submitted, skipped, missed, failed
    job_id: Mapped[str | None]
    error: Mapped[Json | None]


class Endpoint(Base):
    """Where a tenant wants to be told of events. More than one secret while they are rotated."""

    __tablename__ = "webhook_endpoints"

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = _tenant()
    url: Mapped[str]
    kinds: Mapped[list[str]]  # of events; none means all
    secrets: Mapped[list[Json]]  # secret, and expires_at of one that has been replaced
    enabled: Mapped[bool]
    disabled_reason: Mapped[str | None]  # gone, failing; None where its owner turned it off
    failing_since: Mapped[datetime | None]  # the first failure after which nothing arrived
    created_at: Mapped[datetime]

    __table_args__ = (Index(None, "tenant_id", "created_at", "id"),)


class Delivery(Base):
    """One event to be told to one endpoint. `state`: pending, delivered, failed."""

    __tablename__ = "deliveries"

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = _tenant()
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("webhook_endpoints.id", ondelete="CASCADE"))
    kind: Mapped[str]
    payload: Mapped[Json]  # the event as it was: redelivery sends the same
    state: Mapped[str]
    attempts: Mapped[int]
    created_at: Mapped[datetime]
    next_at: Mapped[datetime | None]
    last_at: Mapped[datetime | None]
    last_status: Mapped[int | None]
    last_error: Mapped[str | None]

    __table_args__ = (
        CheckConstraint("state IN ('pending', 'delivered', 'failed')", "state"),
        Index(None, "endpoint_id", "created_at", "id"),
        _partial("ix_deliveries_due", "state = 'pending'", "next_at"),
        _partial("ix_deliveries_kept", "state <> 'pending'", "created_at"),
    )


class IdempotencyKey(Base):
    """A request that must not be done twice, the id of what it makes, and its answer."""

    __tablename__ = "idempotency_keys"

    tenant_id: Mapped[str] = mapped_column(
        ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(primary_key=True)
    request: Mapped[str]  # method and path
    body_sha256: Mapped[str]
    resource_id: Mapped[str]
    created_at: Mapped[datetime]
    begun_at: Mapped[datetime]  # by whoever is at it now
    status: Mapped[int | None]  # None: not answered yet
    response: Mapped[Json | None]

    __table_args__ = (Index(None, "created_at"),)


class Usage(Base):
    """What a tenant used on one day (UTC)."""

    __tablename__ = "usage"

    tenant_id: Mapped[str] = mapped_column(
        ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True
    )
    day: Mapped[date] = mapped_column(primary_key=True)
    jobs: Mapped[int]
    seconds: Mapped[float]  # of video made
    bytes: Mapped[int] = mapped_column(BigInteger)  # of video stored
