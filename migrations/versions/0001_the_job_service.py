"""Make the tables of the job service.

They are written down as they were at this version: later ones change them, and not this file.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
WORD = sa.String(16)
COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def tenant_id(primary_key: bool = False) -> sa.Column[str]:
    """Whose row it is."""
    of_tenant = sa.ForeignKey("tenants.id", ondelete="CASCADE")
    return sa.Column("tenant_id", sa.Text(), of_tenant, nullable=False, primary_key=primary_key)


METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

sa.Table(
    "tenants",
    METADATA,
    sa.Column("id", sa.Text(), primary_key=True),
    sa.Column("name", sa.Text(), nullable=False, unique=True),
    sa.Column("created_at", MOMENT, nullable=False),
    sa.Column("limits", JSON, nullable=False),
)

sa.Table(
    "api_keys",
    METADATA,
    sa.Column("id", sa.Text(), primary_key=True),
    tenant_id(),
    sa.Column("name", sa.Text(), nullable=False),
    sa.Column("secret_sha256", sa.Text(), nullable=False),
    sa.Column("scopes", JSON, nullable=False),
    sa.Column("created_at", MOMENT, nullable=False),
    sa.Column("last_used_at", MOMENT),
    sa.Column("expires_at", MOMENT),
    sa.Column("revoked_at", MOMENT),
    sa.Index("ix_api_keys_tenant_id_created_at_id", "tenant_id", "created_at", "id"),
)

sa.Table(
    "assets",
    METADATA,
    sa.Column("id", sa.Text(), primary_key=True),
    tenant_id(),
    sa.Column("state", sa.Text(), nullable=False),
    sa.Column("kind", sa.Text(), nullable=False),
    sa.Column("filename", sa.Text(), nullable=False),
    sa.Column("content_type", sa.Text(), nullable=False),
    sa.Column("bytes", sa.BigInteger(), nullable=False),
    sa.Column("sha256", sa.Text()),
    sa.Column("blob_key", sa.Text(), nullable=False),
    sa.Column("upload", JSON),
    sa.Column("facts", JSON),
    sa.Column("error", JSON),
    sa.Column("created_at", MOMENT, nullable=False),
    sa.Column("expires_at", MOMENT, nullable=False),
    sa.CheckConstraint("state IN ('uploading', 'ready', 'rejected', 'deleted')", "state"),
    sa.Index(
        "ix_assets_kept",
        "expires_at",
        postgresql_where=sa.text("blob_key <> ''"),
        sqlite_where=sa.text("blob_key <> ''"),
    ),
    sa.Index("ix_assets_tenant_id_created_at_id", "tenant_id", "created_at", "id"),
)

sa.Table(
    "batches",
    METADATA,
    sa.Column("id", sa.Text(), primary_key=True),
    tenant_id(),
    sa.Column("name", sa.Text(), nullable=False),
    sa.Column("created_at", MOMENT, nullable=False),
    sa.Column("finished_at", MOMENT),
    sa.Column("total", sa.Integer(), nullable=False),
    sa.Index("ix_batches_tenant_id_created_at_id", "tenant_id", "created_at", "id"),
)

sa.Table(
    "idempotency_keys",
    METADATA,
    tenant_id(primary_key=True),
    sa.Column("key", sa.Text(), primary_key=True),
    sa.Column("request", sa.Text(), nullable=False),
    sa.Column("body_sha256", sa.Text(), nullable=False),
    sa.Column("resource_id", sa.Text(), nullable=False),
    sa.Column("created_at", MOMENT, nullable=False),
    sa.Column("begun_at", MOMENT, nullable=False),
    sa.Column("status", sa.Integer()),
    sa.Column("response", JSON),
    sa.Index("ix_idempotency_keys_created_at", "created_at"),
)

sa.Table(
    "schedules",
    METADATA,
    sa.Column("id", sa.Text(), primary_key=True),
    tenant_id(),
    sa.Column("name", sa.Text(), nullable=False),
    sa.Column("cron", sa.Text(), nullable=False),
    sa.Column("timezone", sa.Text(), nullable=False),
    sa.Column("overlap", sa.Text(), nullable=False),
    sa.Column("misfire", sa.Text(), nullable=False),
    sa.Column("spec", JSON, nullable=False),
    sa.Column("enabled", sa.Boolean(), nullable=False),
    sa.Column("created_at", MOMENT, nullable=False),
    sa.Column("next_at", MOMENT),
    sa.Column("last_at", MOMENT),
    sa.Index("ix_schedules_due", "next_at"),
    sa.Index("ix_schedules_tenant_id_created_at_id", "tenant_id", "created_at", "id"),
)

sa.Table(
    "usage",
    METADATA,
    tenant_id(primary_key=True),
    sa.Column("day", sa.Date(), primary_key=True),
    sa.Column("jobs", sa.Integer(), nullable=False),
    sa.Column("seconds", sa.Double(), nullable=False),
    sa.Column("bytes", sa.BigInteger(), nullable=False),
)

sa.Table(
    "webhook_endpoints",
    METADATA,
    sa.Column("id", sa.Text(), primary_key=True),
    tenant_id(),
    sa.Column("url", sa.Text(), nullable=False),
    sa.Column("kinds", JSON, nullable=False),
    sa.Column("secrets", JSON, nullable=False),
    sa.Column("enabled", sa.Boolean(), nullable=False),
    sa.Column("disabled_reason", sa.Text()),
    sa.Column("failing_since", MOMENT),
    sa.Column("created_at", MOMENT, nullable=False),
    sa.Index("ix_webhook_endpoints_tenant_id_created_at_id", "tenant_id", "created_at", "id"),
)

sa.Table(
    "deliveries",
    METADATA,
    sa.Column("id", sa.Text(), primary_key=True),
    tenant_id(),
    sa.Column(
        "endpoint_id",
        sa.Text(),
        sa.ForeignKey("webhook_endpoints.id", ondelete="CASCADE"),
        nullable=False,
    ),
    sa.Column("kind", sa.Text(), nullable=False),
    sa.Column("payload", JSON, nullable=False),
    sa.Column("state", sa.Text(), nullable=False),
    sa.Column("attempts", sa.Integer(), nullable=False),
    sa.Column("created_at", MOMENT, nullable=False),
    sa.Column("next_at", MOMENT),
    sa.Column("last_at", MOMENT),
    sa.Column("last_status", sa.Integer()),
    sa.Column("last_error", sa.Text()),
    sa.CheckConstraint("state IN ('pending', 'delivered', 'failed')", "state"),
    sa.Index(
        "ix_deliveries_due",
        "next_at",
        postgresql_where=sa.text("state = 'pending'"),
        sqlite_where=sa.text("state = 'pending'"),
    ),
    sa.Index("ix_deliveries_endpoint_id_created_at_id", "endpoint_id", "created_at", "id"),
    sa.Index(
        "ix_deliveries_kept",
        "created_at",
        postgresql_where=sa.text("state <> 'pending'"),
        sqlite_where=sa.text("state <> 'pending'"),
    ),
)

sa.Table(
    "jobs",
    METADATA,
    sa.Column("id", sa.Text(), primary_key=True),
    tenant_id(),
    sa.Column("batch_id", sa.Text(), sa.ForeignKey("batches.id", ondelete="CASCADE")),
    sa.Column("item_key", sa.Text()),
    sa.Column("schedule_id", sa.Text(), sa.ForeignKey("schedules.id", ondelete="SET NULL")),
    sa.Column("state", WORD, nullable=False),
    sa.Column("phase", WORD),
    sa.Column("priority", WORD, nullable=False),
    sa.Column("spec", JSON, nullable=False),
    sa.Column("created_at", MOMENT, nullable=False),
    sa.Column("queued_at", MOMENT, nullable=False),
    sa.Column("sent_at", MOMENT),
    sa.Column("started_at", MOMENT),
    sa.Column("finished_at", MOMENT),
    sa.Column("cancel_requested_at", MOMENT),
    sa.Column("expires_at", MOMENT),
    sa.Column("deleted_at", MOMENT),
    sa.Column("attempts", sa.Integer(), nullable=False),
    sa.Column("max_attempts", sa.Integer(), nullable=False),
    sa.Column("lease_token", sa.BigInteger(), nullable=False),
    sa.Column("leased_by", sa.Text()),
    sa.Column("lease_until", MOMENT),
    sa.Column("progress_done", sa.Integer(), nullable=False),
    sa.Column("progress_total", sa.Integer()),
    sa.Column("outputs", JSON),
    sa.Column("error", JSON),
    sa.Column("version", sa.Integer(), nullable=False),
    sa.CheckConstraint(
        "state IN ('queued', 'running', 'canceling', 'succeeded', 'failed', 'canceled', 'expired')",
        "state",
    ),
    sa.CheckConstraint("attempts <= max_attempts", "attempts"),
    sa.CheckConstraint("(state IN ('running', 'canceling')) = (lease_until IS NOT NULL)", "lease"),
    sa.UniqueConstraint("batch_id", "item_key"),
    sa.Index("ix_jobs_batch", "batch_id", "state"),
    sa.Index(
        "ix_jobs_kept",
        "expires_at",
        postgresql_where=sa.text("expires_at IS NOT NULL"),
        sqlite_where=sa.text("expires_at IS NOT NULL"),
    ),
    sa.Index(
        "ix_jobs_leases",
        "lease_until",
        postgresql_where=sa.text("lease_until IS NOT NULL"),
        sqlite_where=sa.text("lease_until IS NOT NULL"),
    ),
    sa.Index("ix_jobs_list", "tenant_id", "created_at", "id"),
    sa.Index("ix_jobs_list_state", "tenant_id", "state", "created_at", "id"),
    sa.Index(
        "ix_jobs_queue",
        "priority",
        "queued_at",
        "id",
        postgresql_where=sa.text("state = 'queued'"),
        sqlite_where=sa.text("state = 'queued'"),
    ),
    sa.Index("ix_jobs_schedule", "schedule_id", "state"),
)

sa.Table(
    "schedule_runs",
    METADATA,
    sa.Column(
        "schedule_id",
        sa.Text(),
        sa.ForeignKey("schedules.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("due_at", MOMENT, primary_key=True),
    sa.Column("at", MOMENT, nullable=False),
    sa.Column("outcome", sa.Text(), nullable=False),
    sa.Column("job_id", sa.Text()),
    sa.Column("error", JSON),
)

sa.Table(
    "job_assets",
    METADATA,
    sa.Column("job_id", sa.Text(), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column(
        "asset_id", sa.Text(), sa.ForeignKey("assets.id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Index("ix_job_assets_asset_id", "asset_id"),
)

sa.Table(
    "job_events",
    METADATA,
    sa.Column("seq", COUNTER, primary_key=True),
    tenant_id(),
    sa.Column("job_id", sa.Text(), sa.ForeignKey("jobs.id", ondelete="CASCADE")),
    sa.Column("batch_id", sa.Text(), sa.ForeignKey("batches.id", ondelete="CASCADE")),
    sa.Column("at", MOMENT, nullable=False),
    sa.Column("kind", sa.Text(), nullable=False),
    sa.Column("data", JSON, nullable=False),
    sa.Index("ix_job_events_batch_id_seq", "batch_id", "seq"),
    sa.Index("ix_job_events_job_id_seq", "job_id", "seq"),
    sa.Index("ix_job_events_tenant_id_seq", "tenant_id", "seq"),
)


def upgrade() -> None:
    """Make all tables."""
    METADATA.create_all(op.get_bind(), checkfirst=False)


def downgrade() -> None:
    """Drop all tables, and with them everything in them."""
    METADATA.drop_all(op.get_bind(), checkfirst=False)
