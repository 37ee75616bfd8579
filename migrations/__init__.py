"""The tables of the service, version by version. `python -m migrations` brings them up to date."""

from pathlib import Path

from alembic import command
from alembic.config import Config

from afgen.jobs.settings import ServiceSettings


def upgrade(settings: ServiceSettings, revision: str = "head") -> None:
    """Make the tables, or bring them up to date. Doing it again changes nothing."""
    command.upgrade(configuration(settings), revision)


def downgrade(settings: ServiceSettings, revision: str = "base") -> None:
    """Go back to an earlier version; what only later versions can hold is lost."""
    command.downgrade(configuration(settings), revision)


def configuration(settings: ServiceSettings) -> Config:
    """What Alembic has to know, for its other commands."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["settings"] = settings
    return config
