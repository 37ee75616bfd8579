"""Stores on both databases, with the real migrations behind them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from afgen.jobs.settings import ServiceSettings
from afgen.jobs.store import JobRules, Store
from afgen.jobs.store.database import open_engine
from afgen.jobs.tables import Tenant
from migrations import upgrade

DATABASES = ("sqlite_url", "postgres_url")


class Clock:
    """The time of a host, which a test sets."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture(params=DATABASES, ids=lambda name: name.removesuffix("_url"))
def database_url(request: pytest.FixtureRequest) -> str:
    """A database without tables."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(database_url: str, clock: Clock) -> Iterator[Store]:
    """A store whose retries come at once."""
    upgrade(ServiceSettings(database_url=database_url))
    made = Store(open_engine(database_url, pool=24), clock, JobRules(backoff_s=0))
    yield made
    made.close()


@pytest.fixture
def tenant(store: Store) -> Tenant:
    return store.tenants.create("ours")
