import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from afgen.errors import (
    BlobKeyError,
    BlobMissingError,
    BlobTooLargeError,
    StorageUnavailableError,
    UploadIncompleteError,
    UploadMissingError,
)
from afgen.jobs.blobs.interface import read_bytes
from afgen.jobs.blobs.links import Grant, Links
from afgen.jobs.blobs.local import LocalBlobs
from afgen.jobs.store import utc_now
from tests.service.servers import wait_until

LINKS = Links("http://127.0.0.1", "secret", utc_now)
FOREVER = 2**40


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path / "store", LINKS)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def put_grant(size: int, key: str = "a/b") -> Grant:
    return Grant("PUT", key, FOREVER, size=size)


def test_what_is_received_is_a_blob_when_it_is_whole(blobs: LocalBlobs) -> None:
    with blobs.receiving(put_grant(5)) as write:
        write(b"123")
        with pytest.raises(BlobMissingError):
            blobs.head("a/b")
        write(b"45")
    assert read_bytes(blobs, "a/b", limit_bytes=5) == b"12345"


@pytest.mark.parametrize(
    ("sent", "error"),
    [(b"1234", UploadIncompleteError), (b"123456", BlobTooLargeError), (None, RuntimeError)],
)
def test_what_is_not_as_it_was_granted_leaves_nothing(
    blobs: LocalBlobs, tmp_path: Path, sent: bytes | None, error: type[Exception]
) -> None:
    blobs.put_bytes("a/b", b"older")
    with pytest.raises(error), blobs.receiving(put_grant(5)) as write:
        if sent is None:
            raise RuntimeError("the client is gone")
        write(sent)
    assert read_bytes(blobs, "a/b", limit_bytes=5) == b"older"
    assert files(tmp_path) == ["b"]


def test_a_part_that_comes_after_the_end_is_refused(blobs: LocalBlobs, tmp_path: Path) -> None:
    upload_id = blobs.begin_upload("a/b")
    late = Grant("PUT", "a/b", FOREVER, size=1, upload_id=upload_id, number=1)
    with pytest.raises(UploadMissingError), blobs.receiving(late) as write:
        write(b"1")
        blobs.abort_upload("a/b", upload_id)
    assert files(tmp_path) == []


def test_readers_see_one_writing_or_another(blobs: LocalBlobs) -> None:
    writings = [bytes([number]) * 200_000 for number in range(2)]
    blobs.put_bytes("a/b", writings[0])
    over = threading.Event()

    def write() -> None:
        for turn in range(20):
            blobs.put_bytes("a/b", writings[turn % 2])
        over.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not over.is_set():
        assert read_bytes(blobs, "a/b", limit_bytes=300_000) in writings
    writer.join()


def test_writing_beside_deleting_finds_its_folder(blobs: LocalBlobs) -> None:
    """A deletion takes away the folder that it empties; a put must not fail for it."""
    over = threading.Event()

    def delete() -> None:
        while not over.is_set():
            blobs.delete("a/b/c/other")

    deleter = threading.Thread(target=delete)
    deleter.start()
    try:
        for _ in range(20):
            blobs.put_bytes("a/b/c/other", b"x")
            blobs.put_bytes("a/b/c/mine", b"x")
            assert blobs.head("a/b/c/mine").bytes == 1
            blobs.delete("a/b/c/mine")
    finally:
        over.set()
        deleter.join()


def test_no_empty_folders_are_left(blobs: LocalBlobs, tmp_path: Path) -> None:
    for key in ("work/1/a", "work/1/b/c", "work/2"):
        blobs.put_bytes(key, b"x")
    blobs.delete_prefix("work/1/")
    assert [path.name for path in (tmp_path / "store/blobs/work").iterdir()] == ["2"]
    blobs.delete("work/2")
    assert list((tmp_path / "store/blobs").iterdir()) == []


def test_a_key_is_no_folder_of_another(blobs: LocalBlobs) -> None:
    blobs.put_bytes("a/b", b"x")
    with pytest.raises(BlobKeyError):
        blobs.put_bytes("a/b/c", b"x")
    with pytest.raises(BlobKeyError):
        blobs.put_bytes("a", b"x")
    with pytest.raises(BlobMissingError):
        blobs.head("a")
    blobs.delete("a")
    assert read_bytes(blobs, "a/b", limit_bytes=1) == b"x"


def test_a_killed_writer_leaves_nothing_that_counts(blobs: LocalBlobs, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "endless")
    code = f"""
from pathlib import Path
from afgen.jobs.blobs.links import Links
from afgen.jobs.blobs.local import LocalBlobs
from afgen.jobs.store import utc_now
blobs = LocalBlobs(Path({str(tmp_path / "store")!r}), Links("http://127.0.0.1", "secret", utc_now))
blobs.put_file("a/b", Path({str(tmp_path / "endless")!r}))
"""
    writer = subprocess.Popen([sys.executable, "-c", code])
    arriving = tmp_path / "store/arriving"
    with (tmp_path / "endless").open("wb") as endless:
        endless.write(b"x" * 3_000_000)
        endless.flush()
        wait_until(lambda: any(path.stat().st_size for path in arriving.iterdir()), "it writes")
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    with pytest.raises(BlobMissingError):
        blobs.head("a/b")
    blobs.prepare()
    assert len(files(arriving)) == 1  # it might still be written
    [left] = arriving.iterdir()
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(left, (two_days_ago, two_days_ago))
    blobs.prepare()
    assert files(tmp_path / "store") == []


def test_an_upload_that_everybody_forgot_is_removed(blobs: LocalBlobs, tmp_path: Path) -> None:
    mine, forgotten = blobs.begin_upload("a/b"), blobs.begin_upload("a/b")
    long_ago = time.time() - 31 * 24 * 3600
    os.utime(tmp_path / "store/uploads" / forgotten, (long_ago, long_ago))
    blobs.prepare()
    assert blobs.list_parts("a/b", mine) == []
    with pytest.raises(UploadMissingError):
        blobs.list_parts("a/b", forgotten)


def test_a_store_that_is_gone_is_unavailable(blobs: LocalBlobs, tmp_path: Path) -> None:
    (tmp_path / "store").rename(tmp_path / "elsewhere")
    for ask in (blobs.check, lambda: blobs.put_bytes("a/b", b"x")):
        with pytest.raises(StorageUnavailableError):
            ask()
