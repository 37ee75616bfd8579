"""Connections to SQLite or PostgreSQL, short transactions, and the database's own clock."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from sqlite3 import Connection as SqliteConnection
from typing import Any

from psycopg.errors import UndefinedTable
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Float,
    create_engine,
    event,
    literal,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from afgen.errors import DatabaseUnavailableError, TablesMissingError
from afgen.jobs.states import JobState
from afgen.jobs.tables import Base, Job, UtcDateTime

Clock = Callable[[], datetime]

_BUSY_MS = 15_000  # SQLite has one writer at a time; the others wait for so long
_READS = "reads_only"
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",  # with WAL, a crash of the machine alone can lose a commit
    "PRAGMA foreign_keys = ON",
    f"PRAGMA busy_timeout = {_BUSY_MS}",
)
_POSTGRES_OPTIONS = (
    "-c statement_timeout=30000 -c lock_timeout=10000 "
    "-c idle_in_transaction_session_timeout=60000 -c timezone=UTC"
)


def open_engine(url: str, pool: int = 10) -> Engine:
    """Connections to the database at `url`, at most `pool` at a time. Connects when first used."""
    if make_url(url).get_backend_name() == "sqlite":
        engine = create_engine(url, pool_size=pool, max_overflow=0)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(
        url,
        pool_size=pool,
        max_overflow=0,
        pool_pre_ping=True,  # the server may have been restarted in the meantime
        pool_recycle=1800,
        connect_args={"connect_timeout": 5, "options": _POSTGRES_OPTIONS},
    )


class Database:
    """Transactions of one database. `now` is the clock of this process."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self.engine = engine
        self.now = clock
        self._writing = sessionmaker(engine, expire_on_commit=False)
        reader = engine.execution_options(**{_READS: True})
        self._reading = sessionmaker(reader, expire_on_commit=False)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that ends with a commit. Raises DatabaseUnavailableError."""
        with _typed_errors(), self._writing.begin() as session:
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that changes nothing. Raises DatabaseUnavailableError."""
        with _typed_errors(), self._reading() as session:
            yield session

    def ping(self) -> None:
        """Raises DatabaseUnavailableError unless the database answers."""
        with self.read() as session:
            session.execute(text("SELECT 1"))


class DatabaseTime(FunctionElement[datetime]):
    """The moment of the statement by the database's clock, and `offset_s` seconds later.

    Leases are given and judged by it alone: workers on several hosts need not agree on the time.
    """

    type = UtcDateTime()
    inherit_cache = True
    name = "database_time"

    def __init__(self, offset_s: float = 0.0) -> None:
        super().__init__(literal(offset_s, Float()))


@compiles(DatabaseTime, "postgresql")
def _postgres_time(element: DatabaseTime, compiler: SQLCompiler, **options: Any) -> str:
    # Not clock_timestamp(): it is volatile, and no index would be used to compare with it.
    offset = compiler.process(element.clauses, **options)
    return f"(statement_timestamp() + make_interval(secs => {offset}))"


@compiles(DatabaseTime, "sqlite")
def _sqlite_time(element: DatabaseTime, compiler: SQLCompiler, **options: Any) -> str:
    # The very text that moments are stored as, so that comparing text compares times.
    offset = compiler.process(element.clauses, **options)
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', {offset} || ' seconds')"


def in_states(states: frozenset[JobState], job: type[Job] = Job) -> ColumnElement[bool]:
    """Condition on a job's state, spelled out: a placeholder would hide it from partial indexes."""
    words = [literal(state, Job.state.type, literal_execute=True) for state in sorted(states)]
    return job.state == words[0] if len(words) == 1 else job.state.in_(words)


def insert_new(
    session: Session, table: type[Base], values: dict[str, Any], unique: Sequence[str]
) -> bool:
    """Insert a row unless one with the same `unique` columns is there. Says whether it did."""
    statement = _insert(session, table).values(values).on_conflict_do_nothing(index_elements=unique)
    # Not its rowcount, which PostgreSQL's driver is not asked for after an INSERT.
    inserted = statement.returning(*(getattr(table, name) for name in unique))
    return session.execute(inserted).first() is not None


def insert_or_add(
    session: Session, table: type[Base], unique: dict[str, Any], amounts: dict[str, float]
) -> None:
    """Insert a row of amounts, or add them to those of the row that is there."""
    statement = _insert(session, table).values({**unique, **amounts})
    sums = {name: getattr(table, name) + statement.excluded[name] for name in amounts}
    session.execute(statement.on_conflict_do_update(index_elements=list(unique), set_=sums))


def _insert(session: Session, table: type[Base]) -> Any:
    is_postgres = session.get_bind().dialect.name == "postgresql"
    return (postgresql.insert if is_postgres else sqlite.insert)(table)


def _set_up_sqlite(connection: SqliteConnection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says
    for pragma in _PRAGMAS:
        connection.execute(pragma).close()


def _begin_sqlite(connection: Connection) -> None:
    # Taking the write lock at once, not at the first write: a transaction that has read can't wait.
    reads_only = connection.get_execution_options().get(_READS, False)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


@contextmanager
def _typed_errors() -> Iterator[None]:
    try:
        yield
    except PoolTimeoutError as error:
        raise DatabaseUnavailableError("All connections to the database are in use.") from error
    except DBAPIError as error:
        if isinstance(error.orig, UndefinedTable) or "no such table" in str(error.orig):
            raise TablesMissingError("The database has not been set up.") from error
        if error.connection_invalidated or isinstance(error, OperationalError | InterfaceError):
            raise DatabaseUnavailableError("The database does not answer.") from error
        raise
