"""How the service is set up: environment variables that begin with AFGEN_, checked at the start."""

from datetime import timedelta
from pathlib import Path
from typing import Literal, Self

from pydantic import (
    Field,
    IPvAnyNetwork,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from afgen.errors import SetupError

DEV_SECRET = "a secret for development only, 32+"  # refused outside development
_MiB = 2**20
_GiB = 2**30


class ServiceSettings(BaseSettings):
    """Everything that differs between installations. Secrets never show in its representation."""

    model_config = SettingsConfigDict(
        env_prefix="AFGEN_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    environment: Literal["dev", "production"] = "dev"
    secret_key: SecretStr = Field(SecretStr(DEV_SECRET), description="32 characters or more")
    public_url: str = "http://127.0.0.1:8000"
    metrics_token: SecretStr | None = Field(None, description="without it, for loopback only")

    database_url: str = "sqlite:///var/afgen.db"
    database_pool: int = Field(10, ge=1, le=200, description="connections a process may hold")
    redis_url: str = "redis://127.0.0.1:6379/0"
    storage_url: str = "file:///var/lib/afgen"
    s3_endpoint: str | None = None  # where the service itself reaches S3; None is AWS
    s3_public_endpoint: str | None = None  # where clients reach it, for presigned addresses
    s3_region: str = "us-east-1"
    s3_access_key: SecretStr | None = None
    s3_secret_key: SecretStr | None = None

    lease_s: float = Field(30, gt=0, description="a worker silent for so long has lost its job")
    heartbeat_s: float = Field(5, gt=0)
    cancel_poll_s: float = Field(0.5, gt=0)
    sweep_s: float = Field(5, gt=0)
    resend_s: float = Field(60, gt=0, description="after so long a message may have been lost")
    max_attempts: int = Field(3, ge=1, le=20)
    queue_depth: int = Field(64, ge=1, description="messages kept in the broker, a queue")

    batch_rows: int = Field(4, ge=1, le=64, description="small recordings of a batch made at once")
    batch_row_s: float = Field(60, gt=0, description="longer recordings are not small")

    keep_inputs_days: float = Field(7, gt=0)
    keep_outputs_days: float = Field(30, gt=0)
    keep_records_days: float = Field(365, gt=0, description="of jobs whose files are deleted")
    keep_uploads_h: float = Field(24, gt=0, description="for uploads never completed")

    max_asset_bytes: int = Field(8 * _GiB, ge=1)
    max_form_bytes: int = Field(64 * _MiB, ge=1, description="for uploads through the API itself")
    part_bytes: int = Field(16 * _MiB, ge=5 * _MiB, description="of a multipart upload")
    max_batch_items: int = Field(10_000, ge=1)
    max_body_bytes: int = Field(16 * _MiB, ge=1)

    outbound_http: bool = Field(False, description="speak plain http to webhooks; dev only")
    outbound_ports: frozenset[int] = frozenset({80, 443, 8443})
    outbound_trusted: tuple[IPvAnyNetwork, ...] = Field(
        (), description="networks of one's own to which URLs of users may lead all the same"
    )

    rate_per_minute: int = Field(6_000, ge=1, description="requests of one tenant")
    rate_burst: int = Field(500, ge=1)
    quota_active_jobs: int = Field(20_000, ge=1, description="queued and running, of one tenant")
    quota_stored_bytes: int = Field(200 * _GiB, ge=1)
    quota_seconds_a_day: float | None = Field(None, gt=0, description="of video, a day in UTC")

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        try:
            backend = make_url(value).get_backend_name()
        except ArgumentError:
            raise ValueError("must be an address such as postgresql://user:pw@host/db") from None
        if backend not in ("sqlite", "postgresql"):
            raise ValueError("must be sqlite:///... or postgresql://...")
        return value

    @field_validator("storage_url")
    @classmethod
    def _known_storage(cls, value: str) -> str:
        if not value.startswith(("file:///", "s3://")):
            raise ValueError("must be file:///folder or s3://bucket/prefix")
        return value

    @model_validator(mode="after")
    def _safe(self) -> Self:
        secret = self.secret_key.get_secret_value()
        if len(secret) < 32:
            raise ValueError("AFGEN_SECRET_KEY must have 32 characters or more")
        if self.environment == "production":
            self._require_production(secret)
        if self.heartbeat_s * 2 > self.lease_s:
            raise ValueError("a lease must outlast two heartbeats")
        return self

    def _require_production(self, secret: str) -> None:
        if secret == DEV_SECRET:
            raise ValueError("set AFGEN_SECRET_KEY: the development secret is public")
        if self.outbound_http:
            raise ValueError("unset AFGEN_OUTBOUND_HTTP: webhooks need https outside development")
        if make_url(self.database_url).get_backend_name() == "sqlite":
            raise ValueError("set AFGEN_DATABASE_URL to PostgreSQL: SQLite serves one machine only")

    @property
    def storage_folder(self) -> Path | None:
        """The folder of a file:// storage, None for S3."""
        prefix = "file://"
        return Path(self.storage_url.removeprefix(prefix)) if self.is_local else None

    @property
    def is_local(self) -> bool:
        """Whether files lie in a folder of this machine."""
        return self.storage_url.startswith("file://")

    @property
    def keep_outputs(self) -> timedelta:
        """How long the files of a finished job are kept."""
        return timedelta(days=self.keep_outputs_days)

    @property
    def keep_records(self) -> timedelta:
        """How long a job is told of after its files are deleted."""
        return timedelta(days=self.keep_records_days)

    @property
    def keep_inputs(self) -> timedelta:
        """How long an upload is kept."""
        return timedelta(days=self.keep_inputs_days)


def load_settings() -> ServiceSettings:
    """Settings from the environment. Raises SetupError that names variables, never their values."""
    try:
        return ServiceSettings()
    except ValidationError as error:
        problems = "; ".join(map(_problem, error.errors(include_input=False)))
    except SettingsError as error:
        problems = str(error)
    raise SetupError(
        f"The service is not set up: {problems}.", hint="docs/service.md lists the variables."
    )


def _problem(fault: ErrorDetails) -> str:
    reason = fault["msg"].removeprefix("Value error, ")
    return f"AFGEN_{str(fault['loc'][0]).upper()}: {reason}" if fault["loc"] else reason
