"""The stores that the contract is held against, and what each is known to get wrong."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from moto.server import ThreadedMotoServer

from afgen.jobs.blobs.interface import Blobs
from afgen.jobs.blobs.links import Links
from afgen.jobs.blobs.local import LocalBlobs
from afgen.jobs.blobs.s3 import S3Blobs, S3Place
from tests.jobs.blobs.ceph import ceph_gateway
from tests.jobs.blobs.folder_server import folder_server
from tests.service.servers import Spawned, free_port, python, wait_until

BUCKET = "contract"
ANY_SIGNATURE = "any signature, and expired ones"
ANY_LENGTH = "another length than was signed"
ANY_KEY = "the upload id of another key"
ANY_WRITER = "a write that If-None-Match forbids"
FIRST_PART = "no part a second time"
ACCESS_KEY, SECRET_KEY = "access-key", "secret-key"


@dataclass(frozen=True)
class Place:
    """A store under test; `s3` says how to reach it, `accepts` what it should refuse."""

    blobs: Blobs
    s3: S3Place | None = None
    accepts: frozenset[str] = frozenset()

    def skip_if_it_accepts(self, what: str) -> None:
        if what in self.accepts:
            pytest.skip(f"this store accepts {what}")


def now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def local(folder: Path) -> Iterator[Place]:
    port = free_port()
    links = Links(f"http://127.0.0.1:{port}", "a secret of tests", lambda: now())  # noqa: PLW0108 - looked up at each call
    blobs = LocalBlobs(folder / "store", links)
    with folder_server(blobs, port):
        yield Place(blobs)


@contextmanager
def moto(folder: Path) -> Iterator[Place]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    place = _s3_place(f"http://{host}:{port}")
    yield Place(S3Blobs(place), place, frozenset({ANY_SIGNATURE, ANY_LENGTH, ANY_KEY}))
    server.stop()


@contextmanager
def rclone(folder: Path) -> Iterator[Place]:
    """Answers ranges with status 200, too, and forgets uploads that it could not complete."""
    address = f"127.0.0.1:{free_port()}"
    program = python()[0]
    keys = f"{ACCESS_KEY},{SECRET_KEY}"
    command = [
        str(Path(program).with_name("rclone")), "serve", "s3", "--config", "/dev/null",
        "--addr", address, "--auth-key", keys, str(folder),
    ]  # fmt: skip
    spawned = Spawned("rclone", command, folder.parent / "rclone.log")
    try:
        wait_until(lambda: _answers(f"http://{address}"), "rclone answers")
        place = _s3_place(f"http://{address}")
        yield Place(S3Blobs(place), place, frozenset({ANY_WRITER, FIRST_PART}))
    finally:
        spawned.stop()


@contextmanager
def ceph(folder: Path) -> Iterator[Place]:
    with ceph_gateway(folder, ACCESS_KEY, SECRET_KEY) as endpoint:
        place = _s3_place(endpoint)
        yield Place(S3Blobs(place), place)


PLACES: dict[str, Callable[[Path], Any]] = {
    "local": local,
    "moto": moto,
    "rclone": rclone,
    "ceph": ceph,
}


@contextmanager
def an_hour_ago(place: Place) -> Iterator[None]:
    """What is signed in this block is signed by a clock that is an hour late."""
    late = datetime.now(UTC) - timedelta(hours=1)
    clock = "botocore.auth.get_current_datetime" if place.s3 else f"{__name__}.now"
    with patch(clock, lambda *_: late):
        yield


def _s3_place(endpoint: str) -> S3Place:
    return S3Place(
        BUCKET,
        prefix="below/here",
        endpoint=endpoint,
        access_key=ACCESS_KEY,
        secret_key=SECRET_KEY,
        tries=2,
    )


def _answers(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(url, verify=False).status_code < 500
    return False
