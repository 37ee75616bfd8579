import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import StatementError

import afgen
from afgen.errors import (
    ConflictError,
    DatabaseUnavailableError,
    NotFoundError,
    TablesMissingError,
)
from afgen.jobs.store import Store
from afgen.jobs.store.database import DatabaseTime, open_engine
from afgen.jobs.tables import Tenant
from tests.service.servers import PostgresServer

NOBODY = "postgresql://nobody@127.0.0.1:1/nothing"


def test_all_sql_is_in_the_store() -> None:
    """Of the rest, the tables are described with it, and the settings check an address."""
    root = Path(afgen.__file__).parents[1]
    sources = (path for room in ("afgen", "api", "workers") for path in (root / room).rglob("*.py"))
    users = {
        path.relative_to(root).as_posix()
        for path in sources
        if re.search(
            r"^\s*(from|import) (sqlalchemy|psycopg|sqlite3)", path.read_text(), re.MULTILINE
        )
    }
    outside = {path for path in users if not path.startswith("afgen/jobs/store/")}
    assert outside == {"afgen/jobs/settings.py", "afgen/jobs/tables.py"}


def test_the_database_has_a_clock_of_its_own(store: Store) -> None:
    with store.database.read() as session:
        now, later = session.execute(select(DatabaseTime(), DatabaseTime(90.5))).one()
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)
    assert timedelta(seconds=90.4) < later - now < timedelta(seconds=90.6)


def test_moments_come_back_as_they_were(store: Store, tenant: Tenant) -> None:
    there = store.tenants.get(tenant.id)
    assert there.created_at == tenant.created_at and there.created_at.tzinfo is UTC
    abroad = datetime(2030, 1, 1, tzinfo=timezone(timedelta(hours=9)))
    store.database.now = lambda: abroad
    assert store.tenants.get(store.tenants.create("abroad").id).created_at == abroad


def test_a_moment_without_a_zone_is_refused(store: Store) -> None:
    store.database.now = lambda: datetime(2030, 1, 1)
    with pytest.raises(StatementError, match="zone"):
        store.tenants.create("nowhere")


def test_what_fails_leaves_nothing_behind(store: Store, tenant: Tenant) -> None:
    with pytest.raises(ZeroDivisionError), store.database.write() as session:
        session.add(Tenant(id="ten_x", name="x", created_at=tenant.created_at, limits={}))
        session.flush()
        raise ZeroDivisionError
    assert store.tenants.named("x") is None


def test_writers_wait_for_each_other(store: Store, tenant: Tenant) -> None:
    def write(number: int) -> None:
        store.tenants.limit(tenant.id, {"turn": number})

    with ThreadPoolExecutor(12) as writers:
        list(writers.map(write, range(60)))
    assert store.tenants.get(tenant.id).limits["turn"] in range(60)


def test_a_database_that_is_not_there_is_told_apart() -> None:
    store = Store(open_engine(NOBODY))
    with pytest.raises(DatabaseUnavailableError) as refused:
        store.database.ping()
    assert refused.value.retryable and "nobody" not in refused.value.message
    store.close()


@pytest.mark.parametrize("url", ["sqlite_url", "postgres_url"])
def test_a_database_without_tables_is_told_apart(url: str, request: pytest.FixtureRequest) -> None:
    store = Store(open_engine(request.getfixturevalue(url)))
    store.database.ping()
    for ask in (store.tenants.all, store.leases.take_back):
        with pytest.raises(TablesMissingError, match="set up"):
            ask()
    store.close()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    store = Store(open_engine(f"sqlite:///{tmp_path / 'nowhere' / 'service.db'}"))
    with pytest.raises(DatabaseUnavailableError):
        store.database.ping()


@pytest.fixture
def restartable(postgres: PostgresServer) -> Iterator[Store]:
    store = Store(open_engine(postgres.new_database(), pool=1))
    yield store
    store.close()


@pytest.mark.slow
def test_a_restart_of_the_server_costs_no_more_than_what_was_under_way(
    restartable: Store, postgres: PostgresServer
) -> None:
    restartable.database.ping()
    postgres.restart()
    restartable.database.ping()
    with pytest.raises(DatabaseUnavailableError), restartable.database.read() as session:
        session.execute(select(1))
        postgres.restart()
        session.execute(select(1))
    restartable.database.ping()


def test_tenants_have_names_of_their_own(store: Store, tenant: Tenant) -> None:
    with pytest.raises(ConflictError):
        store.tenants.create(tenant.name)
    store.tenants.limit(tenant.id, {"quota_active_jobs": 3})
    assert store.tenants.get(tenant.id).limits == {"quota_active_jobs": 3}
    assert [one.name for one in store.tenants.all()] == ["ours"]
    for ask in (store.tenants.get, lambda name: store.tenants.limit(name, {})):
        with pytest.raises(NotFoundError):
            ask("ten_nobody")
