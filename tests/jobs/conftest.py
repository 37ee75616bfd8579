"""Stores on both databases, with the real migrations behind them."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from afgen.jobs.settings import ServiceSettings
from afgen.jobs.store import JobRules, Store
from afgen.jobs.store.database import open_engine
from afgen.jobs.tables import Tenant
from migrations import upgrade
from tests.service.servers import PostgresServer


class Clock:
    """The time of a host, which a test sets."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database to be copied."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    upgrade(ServiceSettings(database_url=f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres: PostgresServer) -> str:
    """A database to be emptied."""
    url = postgres.new_database()
    upgrade(ServiceSettings(database_url=url))
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def tables_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with all tables and nothing in them."""
    if request.param == "sqlite":
        copy = tmp_path / "service.db"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), copy)
        return f"sqlite:///{copy}"
    url = str(request.getfixturevalue("migrated_postgres"))
    engine = open_engine(url, pool=1)
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE tenants CASCADE"))
    engine.dispose()
    return url


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tables_url: str, clock: Clock) -> Iterator[Store]:
    """A store whose retries come at once."""
    made = Store(open_engine(tables_url, pool=24), clock, JobRules(backoff_s=0))
    yield made
    made.close()


@pytest.fixture
def tenant(store: Store) -> Tenant:
    return store.tenants.create("ours")
