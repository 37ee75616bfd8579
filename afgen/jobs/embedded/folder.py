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

from afgen.errors import AlreadyRunningError
from afgen.media.files import writing

DATA_ENV: Final = "AFGEN_DATA"


def default_folder() -> Path:
    """`$AFGEN_DATA`, else afgen's place among the user's data (XDG base directories)."""
    if given := os.environ.get(DATA_ENV):
        return Path(given)
    home = os.environ.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local" / "share") / "afgen"


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Paths in the folder; nothing is made before `prepare`."""

    path: Path

    @property
    def database_url(self) -> str:
        """The database, as SQLAlchemy names it."""
        return f"sqlite:///{self.path / 'afgen.db'}"

    @property
    def storage_url(self) -> str:
        """The place for uploads and videos."""
        return f"file://{self.path / 'blobs'}"

    @property
    def profile(self) -> Path:
        """Address and key of this service, for the command line."""
        return self.path / "profile.json"

    @property
    def run(self) -> Path:
        """What programs keep only while they run."""
        return self.path / "run"

    def log(self, program: str) -> Path:
        """All that a program says."""
        return self.path / "logs" / f"{program}.log"

    def prepare(self) -> None:
        """Make what is missing; readable by its owner alone. Raises OutputUnwritableError."""
        with writing(self.path):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.run, self.path / "logs", self.path / "blobs"):
                folder.mkdir(exist_ok=True)

    def secret_key(self) -> str:
        """The key that signs, made at the first start and kept."""
        path = self.path / "secrets.json"
        if not path.exists():
            write_private(path, {"secret_key": secrets.token_urlsafe(48)})
        return str(json.loads(path.read_text())["secret_key"])

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


def write_private(path: Path, value: dict[str, str]) -> None:
    """Write JSON that only its owner may read, whole or not at all."""
    with writing(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(value, file, indent=2)
        fresh.replace(path)
