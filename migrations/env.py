"""Run by Alembic: migrates the database that the service's settings name."""

from alembic import context
from sqlalchemy import text

from afgen.jobs.settings import ServiceSettings
from afgen.jobs.store.database import open_engine
from afgen.jobs.tables import Base

_LOCK = 0x6166_6765_6E  # "afgen": several processes may start at once, and one migrates


def migrate() -> None:
    """Run the migrations in one transaction."""
    settings = context.config.attributes.get("settings") or ServiceSettings()
    engine = open_engine(settings.database_url, pool=1)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=True,  # SQLite cannot alter a table: it is made anew and copied
            compare_server_default=True,
        )
        with context.begin_transaction():
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            context.run_migrations()
    engine.dispose()


migrate()
