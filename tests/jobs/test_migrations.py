import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import inspect

from afgen.jobs.settings import ServiceSettings
from afgen.jobs.store.database import open_engine
from afgen.jobs.tables import Base
from migrations import configuration, downgrade, upgrade

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["sqlite_url", "postgres_url"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A database without tables."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture
def migrated(database_url: str) -> ServiceSettings:
    settings = ServiceSettings(database_url=database_url)
    upgrade(settings)
    return settings


def tables(settings: ServiceSettings) -> set[str]:
    engine = open_engine(settings.database_url)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names - {"alembic_version"}


def test_migrations_make_the_tables_that_the_code_means(migrated: ServiceSettings) -> None:
    command.check(configuration(migrated))
    assert tables(migrated) == set(Base.metadata.tables)


def test_migrating_twice_changes_nothing(migrated: ServiceSettings) -> None:
    upgrade(migrated)
    command.check(configuration(migrated))


def test_migrations_can_be_taken_back_and_made_again(migrated: ServiceSettings) -> None:
    downgrade(migrated)
    assert not tables(migrated)
    upgrade(migrated)
    command.check(configuration(migrated))


@pytest.mark.slow
def test_processes_that_start_at_once_migrate_once(database_url: str) -> None:
    migrating = [sys.executable, "-m", "migrations"]
    env = {**os.environ, "AFGEN_DATABASE_URL": database_url}
    with ThreadPoolExecutor(3) as several:
        codes = several.map(
            lambda _: subprocess.run(migrating, check=False, env=env, cwd=ROOT).returncode, "abc"
        )
    assert list(codes) == [0, 0, 0]
    assert tables(ServiceSettings(database_url=database_url)) == set(Base.metadata.tables)
