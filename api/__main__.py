"""`python -m api` prints the description of the API (OpenAPI 3.1), as kept in docs/openapi.json."""

import sys
from tempfile import TemporaryDirectory

from afgen.jobs.settings import ServiceSettings
from api.app import create_app
from api.openapi import text_of


def document() -> str:
    """The description of an app that has no data."""
    with TemporaryDirectory(prefix="afgen-openapi-") as folder:
        settings = ServiceSettings(
            database_url=f"sqlite:///{folder}/none.db", storage_url=f"file://{folder}"
        )
        return text_of(create_app(settings).openapi())


if __name__ == "__main__":
    sys.stdout.write(document())
