"""The folder in which a service on one machine keeps everything, and its lock.

afgen.db        the database       blobs/   uploads and videos
secrets.json    made once          logs/    a file a program
profile.json    address and key    lock     held while it runs
"""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from afgen.errors import AlreadyRunningError, OptionError
from afgen.jobs.settings import ServiceSettings, load_settings
from afgen.media.files import write_private, writing

DATA_ENV: Final = "AFGEN_DATA"
DATABASE_ENV: Final = "AFGEN_DATABASE_URL"


def default_folder() -> Path:
    """`$AFGEN_DATA`, else afgen's place among the user's data (XDG base directories)."""
    if given := os.environ.get(DATA_ENV):
        return Path(given)
    home = os.environ.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local" / "share") / "afgen"


def local_settings(data: Path | None) -> ServiceSettings:
    """Those of the service in a folder; without one, of the environment, else of `afgen up`.

    Raises OptionError if there is no service in the folder, SetupError if settings are wrong.
    """
    if data is None and DATABASE_ENV in os.environ:
        return load_settings()
    folder = DataFolder((data or default_folder()).absolute())
    if not folder.database.exists():
        raise OptionError(
            f"There is no service in {folder.path}.",
            hint=f"Start one with `afgen up`, or say where its database is with {DATABASE_ENV}.",
        )
    return folder.settings


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Paths in the folder; nothing is made before `prepare`."""

    path: Path

    @property
    def database(self) -> Path:
        """The file that holds all rows."""
        return self.path / "afgen.db"

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that make this folder the service's place; see ServiceSettings."""
        return {
            "AFGEN_ENVIRONMENT": "dev",  # production is what SQLite is refused for
            DATABASE_ENV: f"sqlite:///{self.database}",
            "AFGEN_STORAGE_URL": f"file://{self.path / 'blobs'}",
            "AFGEN_SECRET_KEY": self._secret_key(),
        }

    @property
    def settings(self) -> ServiceSettings:
        """The same as settings, for commands that look into the database themselves."""
        named = {
            name.removeprefix("AFGEN_").lower(): text for name, text in self.environment.items()
        }
        return ServiceSettings(**named)  # type: ignore[arg-type]

    @property
    def profile(self) -> Path:
        """Address and key of this service, for the command line."""
        return self.path / "profile.json"

    def log(self, program: str) -> Path:
        """All that a program says."""
        return self.path / "logs" / f"{program}.log"

    def prepare(self) -> None:
        """Make what is missing; readable by its owner alone. Raises OutputUnwritableError."""
        with writing(self.path):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in ("logs", "blobs"):
                (self.path / name).mkdir(exist_ok=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the folder for this process. Raises AlreadyRunningError if another has it."""
        with writing(self.path):
            lock = (self.path / "lock").open("a+")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise AlreadyRunningError(
                    f"`afgen up` runs already on {self.path} (process {lock.read().strip()}).",
                    hint="Stop it with Ctrl-C where it runs, or give another folder with --data.",
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def _secret_key(self) -> str:
        """The key that signs, made at the first start and kept."""
        path = self.path / "secrets.json"
        if not path.exists():
            write_private(path, json.dumps({"secret_key": secrets.token_urlsafe(48)}))
        return str(json.loads(path.read_text())["secret_key"])
