"""What a store does when it is unwell, and what is then made of it."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from afgen.errors import (
    BlobDamagedError,
    BlobExistsError,
    StorageError,
    StorageRefusedError,
    StorageUnavailableError,
    UploadMissingError,
)
from afgen.jobs.blobs import s3
from afgen.jobs.blobs.interface import LEAST_PART_BYTES, Part
from afgen.jobs.blobs.s3 import S3Blobs, S3Place
from tests.jobs.blobs.places import moto
from tests.service.servers import free_port

DATA = bytes(range(256)) * 4096
ETAG = '"version-1"'


@dataclass(frozen=True)
class Answer:
    """`body` may be shorter than `length` says: the connection is then lost."""

    status: int = 200
    body: bytes = b""
    length: int | None = None
    headers: tuple[tuple[str, str], ...] = (("ETag", ETAG),)


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    range: str | None


Script = Callable[[Asked], Answer]


class Scripted:
    """A server that answers as a test says, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.script: Script = lambda asked: Answer()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # else clients wait for a `100 Continue`

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked = Asked(self.command, self.path, self.headers.get("Range"))
                outer.asked.append(asked)
                answer = outer.script(asked)
                self.send_response(answer.status)
                length = len(answer.body) if answer.length is None else answer.length
                self.send_header("Content-Length", str(length))
                self.send_header("Connection", "close")
                self.send_header("Last-Modified", "Fri, 02 Jan 2026 00:00:00 GMT")
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

            def log_message(self, *args: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.place = S3Place(
            "bucket",
            endpoint=f"http://127.0.0.1:{self._server.server_port}",
            access_key="access-key",
            secret_key="secret-key",
            tries=1,
        )
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}
        )
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Scripted]:
    scripted = Scripted()
    yield scripted
    scripted.stop()


def refusal(status: int, code: str) -> Answer:
    return Answer(status, f"<Error><Code>{code}</Code></Error>".encode())


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (500, "InternalError", StorageUnavailableError),
        (503, "SlowDown", StorageUnavailableError),
        (429, "TooManyRequests", StorageUnavailableError),
        (403, "SignatureDoesNotMatch", StorageRefusedError),
        (403, "AccessDenied", StorageRefusedError),
        (404, "NoSuchBucket", StorageRefusedError),
    ],
)
def test_an_error_has_the_kind_that_says_what_to_do(
    server: Scripted, status: int, code: str, kind: type[StorageError]
) -> None:
    server.script = lambda asked: refusal(status, code)
    with pytest.raises(kind):
        S3Blobs(server.place).put_bytes("a", b"x")


def test_nobody_there_is_unavailable() -> None:
    place = S3Place("bucket", endpoint=f"http://127.0.0.1:{free_port()}", access_key="a")
    with pytest.raises(StorageUnavailableError):
        S3Blobs(replace(place, secret_key="b", tries=1)).check()


def test_a_silent_store_is_given_up(server: Scripted) -> None:
    answered = threading.Event()

    def silent(asked: Asked) -> Answer:
        answered.wait(60)
        return Answer()

    server.script = silent
    try:
        with pytest.raises(StorageUnavailableError):
            S3Blobs(replace(server.place, read_timeout_s=0.2)).head("a")
    finally:
        answered.set()


def test_an_error_of_a_moment_is_tried_again(server: Scripted) -> None:
    server.script = lambda asked: (
        refusal(503, "SlowDown") if len(server.asked) == 1 else Answer(body=b"")
    )
    S3Blobs(replace(server.place, tries=3)).put_bytes("a", b"x")
    assert [asked.method for asked in server.asked] == ["PUT", "PUT"]


def part_of(asked: Asked, most: int) -> Answer:
    """The blob from where it is asked for, broken off after `most` bytes."""
    start = int((asked.range or "bytes=0-").removeprefix("bytes=").rstrip("-"))
    about = (("ETag", ETAG), ("Content-Range", f"bytes {start}-{len(DATA) - 1}/{len(DATA)}"))
    if asked.method == "HEAD":
        return Answer(length=len(DATA))
    rest = DATA[start:]
    return Answer(206 if asked.range else 200, rest[:most], len(rest), about)


def test_a_broken_fetch_goes_on_where_it_stopped(server: Scripted, tmp_path: Path) -> None:
    server.script = lambda asked: part_of(asked, 400_000)
    target = tmp_path / "target"
    S3Blobs(server.place).get("a", target, sha256=sha256(DATA).hexdigest())
    assert target.read_bytes() == DATA
    begun = [asked.range for asked in server.asked if asked.method == "GET"]
    assert begun == [None, "bytes=400000-", "bytes=800000-"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_fetch_goes_on_in_a_later_call(server: Scripted, tmp_path: Path) -> None:
    server.script = lambda asked: part_of(asked, 100_000)
    blobs, target = S3Blobs(server.place), tmp_path / "target"
    with pytest.raises(StorageUnavailableError):
        blobs.get("a", target)
    assert not target.exists()
    server.asked.clear()
    server.script = lambda asked: part_of(asked, len(DATA))
    blobs.get("a", target, sha256=sha256(DATA).hexdigest())
    assert [asked.range for asked in server.asked] == [None, "bytes=400000-"]
    assert target.read_bytes() == DATA


def test_a_blob_that_was_replaced_is_fetched_anew(server: Scripted, tmp_path: Path) -> None:
    server.script = lambda asked: part_of(asked, 100_000)
    blobs, target = S3Blobs(server.place), tmp_path / "target"
    with pytest.raises(StorageUnavailableError):
        blobs.get("a", target)
    new = Answer(body=b"new bytes", headers=(("ETag", '"version-2"'),))
    server.script = lambda asked: (
        replace(new, body=b"", length=9) if asked.method == "HEAD" else new
    )
    blobs.get("a", target)
    assert target.read_bytes() == b"new bytes"


def test_a_blob_that_was_cut_off_is_damaged(server: Scripted, tmp_path: Path) -> None:
    server.script = lambda asked: (
        Answer(length=9) if asked.method == "HEAD" else Answer(body=b"short", length=5)
    )
    with pytest.raises(BlobDamagedError):
        S3Blobs(server.place).get("a", tmp_path / "target")
    assert list(tmp_path.iterdir()) == []


def test_clients_get_addresses_of_the_public_place() -> None:
    place = S3Place(
        "bucket",
        prefix="/below/",
        endpoint="http://inside:8333",
        public_endpoint="https://files.example.com",
        access_key="access-key",
        secret_key="secret-key",
    )
    blobs = S3Blobs(place)
    for url in (
        blobs.presigned_get("a/b", expires_s=60),
        blobs.presigned_put("a/b", expires_s=60, size=5),
        blobs.presigned_part("a/b", "upload", 1, expires_s=60, size=5),
    ):
        address, query = urlsplit(url), parse_qs(urlsplit(url).query)
        assert (address.netloc, address.path) == ("files.example.com", "/bucket/below/a/b")
        assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
        assert not [name for name in query if "checksum" in name.lower()]
    assert "secret-key" not in repr(place)


@pytest.fixture(scope="module")
def in_parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Blobs]:
    with moto(tmp_path_factory.mktemp("moto")) as place:
        place.blobs.prepare()
        yield place.blobs  # type: ignore[misc]


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "MULTIPART_FROM_BYTES", LEAST_PART_BYTES)
    monkeypatch.setattr(s3, "part_bytes_for", lambda size: LEAST_PART_BYTES)


@pytest.mark.usefixtures("small_parts")
def test_large_files_are_put_in_parts(in_parts: S3Blobs, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(DATA * 6)
    stored = in_parts.put_file("large/file", source, if_absent=True)
    assert in_parts.head("large/file").etag.endswith("-2")
    in_parts.get("large/file", target, sha256=stored.sha256)
    assert target.read_bytes() == DATA * 6
    source.write_bytes(DATA * 7)
    with pytest.raises(BlobExistsError):
        in_parts.put_file("large/file", source, if_absent=True)


@pytest.mark.usefixtures("small_parts")
def test_parts_that_fail_are_thrown_away(server: Scripted, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(DATA * 6)
    begun = (
        b"<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>"
    )

    def script(asked: Asked) -> Answer:
        if asked.method == "POST":
            return Answer(body=begun)
        return Answer(204) if asked.method == "DELETE" else refusal(500, "InternalError")

    server.script = script
    with pytest.raises(StorageUnavailableError):
        S3Blobs(server.place).put_file("large", source)
    assert [asked.method for asked in server.asked] == ["POST", "PUT", "DELETE"]
    assert "uploadId=u1" in server.asked[-1].path


@pytest.mark.parametrize(("size", "is_done"), [(7, True), (8, False), (None, False)])
def test_a_lost_answer_to_the_end_of_an_upload_is_no_failure(
    server: Scripted, size: int | None, is_done: bool
) -> None:
    part = "<Part><PartNumber>1</PartNumber><Size>7</Size><ETag>e</ETag></Part>"
    listed = f"<ListPartsResult>{part}</ListPartsResult>".encode()

    def script(asked: Asked) -> Answer:
        if asked.method == "GET":
            return Answer(body=listed)
        if asked.method == "HEAD":
            return Answer(404) if size is None else Answer(length=size)
        joined = [one for one in server.asked if one.method == "POST"]
        return refusal(500, "InternalError") if len(joined) == 1 else refusal(404, "NoSuchUpload")

    server.script = script
    blobs = S3Blobs(replace(server.place, tries=2))
    if is_done:
        assert blobs.complete_upload("a", "u1", [Part(1, 7, "e")]).bytes == 7
    else:
        with pytest.raises(UploadMissingError):
            blobs.complete_upload("a", "u1", [Part(1, 7, "e")])
