"""All SQL of the service, for SQLite and PostgreSQL: one short transaction a method.

Rows come back detached (see `tables`). Methods that a tenant's request ends in take its id first,
and what belongs to another tenant does not exist for them. All of them may raise
DatabaseUnavailableError.
"""

from datetime import UTC, datetime

from sqlalchemy import Engine

from afgen.jobs.settings import ServiceSettings
from afgen.jobs.store.assets import Assets
from afgen.jobs.store.batches import Batches
from afgen.jobs.store.database import Clock, Database, open_engine
from afgen.jobs.store.deliveries import Deliveries, Endpoints
from afgen.jobs.store.events import Events
from afgen.jobs.store.idempotency import Idempotency
from afgen.jobs.store.jobs import Jobs
from afgen.jobs.store.keys import Keys, Tenants
from afgen.jobs.store.leases import Leases
from afgen.jobs.store.moves import JobRules
from afgen.jobs.store.outbox import Outbox
from afgen.jobs.store.retention import Retention
from afgen.jobs.store.schedules import Schedules
from afgen.jobs.store.usage import UsageCounts


def utc_now() -> datetime:
    """The clock of this machine."""
    return datetime.now(UTC)


class Store:
    """The database of the service, a group of methods an aggregate."""

    def __init__(
        self, engine: Engine, clock: Clock = utc_now, rules: JobRules | None = None
    ) -> None:
        rules = rules or JobRules()
        self.database = database = Database(engine, clock)
        self.tenants = Tenants(database)
        self.keys = Keys(database)
        self.assets = Assets(database)
        self.jobs = Jobs(database, rules)
        self.leases = Leases(database, rules)
        self.outbox = Outbox(database, rules)
        self.events = Events(database)
        self.batches = Batches(database, rules)
        self.schedules = Schedules(database, rules)
        self.endpoints = Endpoints(database)
        self.deliveries = Deliveries(database)
        self.idempotency = Idempotency(database)
        self.usage = UsageCounts(database)
        self.retention = Retention(database, rules)

    def close(self) -> None:
        """Close all connections."""
        self.database.engine.dispose()


def open_store(settings: ServiceSettings, clock: Clock = utc_now) -> Store:
    """The store of a service. Connects when first used; the tables are migrations' to make."""
    rules = JobRules(
        lease_s=settings.lease_s,
        max_attempts=settings.max_attempts,
        resend_s=settings.resend_s,
        keep_files=settings.keep_outputs,
        keep_records=settings.keep_records,
    )
    return Store(open_engine(settings.database_url, settings.database_pool), clock, rules)
