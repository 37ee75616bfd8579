import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from afgen.errors import QueueUnavailableError
from afgen.jobs import health
from afgen.jobs.blobs.links import Links
from afgen.jobs.blobs.local import LocalBlobs
from afgen.jobs.store import Store, utc_now
from afgen.jobs.store.database import open_engine


class Messages:
    """A queue that answers, or does not."""

    def __init__(self, down: bool = False) -> None:
        self.down = down

    def send(self, task: str, row_id: str, *, queue: str) -> None:
        raise AssertionError("nobody is to be woken")

    def waiting(self, queue: str) -> int:
        return 0

    def ping(self) -> None:
        if self.down:
            raise QueueUnavailableError("Nobody is there.")


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path / "store", Links("http://127.0.0.1", "secret", utc_now))


@pytest.fixture
def empty_store(sqlite_url: str) -> Iterator[Store]:
    store = Store(open_engine(sqlite_url))
    yield store
    store.close()


def test_all_is_well(empty_store: Store, blobs: LocalBlobs) -> None:
    found = health.answers(empty_store, Messages(), blobs)
    assert found == {"database": True, "queue": True, "storage": True}


def test_each_is_asked_for_itself(empty_store: Store, blobs: LocalBlobs, tmp_path: Path) -> None:
    (tmp_path / "store").rename(tmp_path / "elsewhere")
    found = health.answers(empty_store, Messages(down=True), blobs)
    assert found == {"database": True, "queue": False, "storage": False}


def test_the_command_says_so_by_its_status(
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AFGEN_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("AFGEN_STORAGE_URL", (tmp_path / "store").as_uri())
    for down, status in ((False, 0), (True, 1)):
        monkeypatch.setattr(health, "open_queue", lambda url, down=down: Messages(down))
        assert health.main() == status
        assert json.loads(capsys.readouterr().out)["queue"] is not down
