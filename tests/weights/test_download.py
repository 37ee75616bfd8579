"""Downloads from a server on this machine: resumed, refused, never half done."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from afgen.errors import DownloadError, DownloadInterruptedError, OptionError
from afgen.weights.download import FOLDER, fetched, is_address, without_secrets

DATA = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(DATA).hexdigest()


@dataclass
class Served:
    """What the server does next, and what it was asked."""

    data: bytes = DATA
    etag: str | None = '"first"'
    modified: str | None = None
    status: int = 200
    location: str = ""
    kind: str = "application/octet-stream"
    encoding: str | None = None
    break_after: int | None = None
    says_length: bool = True
    knows_ranges: bool = True
    asked: list[dict[str, str]] = field(default_factory=list)

    def range_of(self, headers: dict[str, str]) -> int | None:
        """First byte to send, where the client has the beginning of this very file."""
        begin = headers.get("Range", "").removeprefix("bytes=").removesuffix("-")
        same = headers.get("If-Range") in (self.etag, self.modified)
        return int(begin) if begin and same and self.knows_ranges else None


class Handler(BaseHTTPRequestHandler):
    served: Served

    def do_GET(self) -> None:
        served = self.served
        headers = dict(self.headers)
        served.asked.append(headers)
        if self.path == "/moved":
            self.answer(302, {"Location": served.location})
            return
        if served.status != 200:
            self.answer(served.status, {})
            return
        begin = served.range_of(headers)
        if begin is not None and begin >= len(served.data):
            self.answer(416, {"Content-Range": f"bytes */{len(served.data)}"})
            return
        body = served.data[begin or 0 :]
        told = {"Content-Type": served.kind, "ETag": served.etag, "Last-Modified": served.modified}
        told |= {"Content-Encoding": served.encoding}
        if served.says_length:
            told["Content-Length"] = str(len(body))
        if begin is not None:
            told["Content-Range"] = f"bytes {begin}-{len(served.data) - 1}/{len(served.data)}"
        self.answer(200 if begin is None else 206, told)
        self.wfile.write(body[: served.break_after])

    def answer(self, status: int, headers: dict[str, str | None]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


@dataclass(frozen=True)
class Server:
    served: Served
    base: str

    @property
    def url(self) -> str:
        return self.base + "/files/flow_transformer.pth?token=secret"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    served = Served()
    handler = type("Bound", (Handler,), {"served": served})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield Server(served, f"http://127.0.0.1:{running.server_port}")
        running.shutdown()
        thread.join()


def get(url: str, **options: object) -> bytes:
    with fetched(url, **options) as path:
        assert path.name == "flow_transformer.pth"
        return path.read_bytes()


def left_in(folder: Path) -> list[Path]:
    return [path for path in (folder / FOLDER).rglob("*") if path.is_file()]


def test_a_file_arrives_and_leaves_nothing_behind(server: Server, weights_folder: Path) -> None:
    told: list[tuple[int, int | None]] = []
    data = get(server.url, sha256=SHA256, tell=lambda done, total: told.append((done, total)))
    assert data == DATA
    assert told[-1] == (len(DATA), len(DATA))
    assert "Range" not in server.served.asked[0]
    assert left_in(weights_folder) == []


@pytest.mark.parametrize("validator", ["etag", "modified"])
def test_an_interrupted_download_goes_on_where_it_stopped(
    server: Server, weights_folder: Path, validator: str
) -> None:
    if validator == "modified":
        server.served.etag, server.served.modified = 'W/"weak"', "Sun, 22 Nov 2026 12:00:00 GMT"
    server.served.break_after = 300_000
    with pytest.raises(DownloadInterruptedError, match="300000 of 1024000 bytes") as raised:
        get(server.url)
    assert raised.value.retryable
    with pytest.raises(DownloadInterruptedError, match="600000 of 1024000 bytes"):
        get(server.url)
    server.served.break_after = None
    assert get(server.url, sha256=SHA256) == DATA
    assert [asked.get("Range") for asked in server.served.asked] == [
        None,
        "bytes=300000-",
        "bytes=600000-",
    ]
    assert left_in(weights_folder) == []


def test_a_file_that_changed_meanwhile_is_fetched_anew(
    server: Server, weights_folder: Path
) -> None:
    server.served.break_after = 300_000
    with pytest.raises(DownloadInterruptedError):
        get(server.url)
    server.served.break_after, server.served.etag = None, '"second"'
    server.served.data = DATA[::-1]
    assert get(server.url) == DATA[::-1]


@pytest.mark.parametrize("loss", ["no ranges", "no validator", "no notes"])
def test_where_nothing_can_be_gone_on_with_all_is_fetched(
    server: Server, weights_folder: Path, loss: str
) -> None:
    server.served.break_after = 300_000
    server.served.knows_ranges = loss != "no ranges"
    server.served.etag = None if loss == "no validator" else '"first"'
    with pytest.raises(DownloadInterruptedError):
        get(server.url)
    if loss == "no notes":
        next(path for path in left_in(weights_folder) if path.suffix == ".json").write_text("{")
    server.served.break_after = None
    assert get(server.url) == DATA


def test_what_arrived_whole_is_kept_until_it_was_of_use(
    server: Server, weights_folder: Path
) -> None:
    def fail() -> None:
        with fetched(server.url):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [path.suffix for path in sorted(left_in(weights_folder))] == [".pth", ".json"]
    assert get(server.url) == DATA
    assert server.served.asked[1]["Range"] == f"bytes={len(DATA)}-"
    assert left_in(weights_folder) == []


def test_what_arrived_whole_and_became_shorter_is_fetched_anew(
    server: Server, weights_folder: Path
) -> None:
    with pytest.raises(ZeroDivisionError), fetched(server.url):
        _ = 1 / 0
    server.served.data = DATA[:5000]
    assert get(server.url) == DATA[:5000]


def test_a_wrong_checksum_is_refused_and_deleted(server: Server, weights_folder: Path) -> None:
    with pytest.raises(DownloadError, match=f"SHA-256 {SHA256}, not 00") as raised:
        get(server.url, sha256="0" * 64)
    assert not raised.value.retryable
    assert not any(path.suffix == ".pth" for path in left_in(weights_folder))


def test_a_server_that_tells_no_length_is_believed(server: Server, weights_folder: Path) -> None:
    server.served.says_length = False
    assert get(server.url, sha256=SHA256) == DATA


@pytest.mark.parametrize("says_length", [True, False])
def test_too_large_a_file_is_not_taken(
    server: Server, weights_folder: Path, says_length: bool
) -> None:
    server.served.says_length = says_length
    with pytest.raises(DownloadError, match="larger than"):
        get(server.url, limit_bytes=len(DATA) - 1)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, DownloadError), (403, DownloadError), (503, DownloadInterruptedError)],
)
def test_a_refusal_is_told_with_its_number_and_without_secrets(
    server: Server, weights_folder: Path, status: int, kind: type[DownloadError]
) -> None:
    server.served.status = status
    with pytest.raises(DownloadError, match=str(status)) as raised:
        get(server.url)
    assert type(raised.value) is kind
    assert "secret" not in raised.value.message
    assert left_in(weights_folder) == []


def test_a_web_page_is_no_file(server: Server, weights_folder: Path) -> None:
    server.served.kind = "text/html; charset=utf-8"
    with pytest.raises(DownloadError, match="is a web page"):
        get(server.url)


def test_a_compressed_answer_is_refused(server: Server, weights_folder: Path) -> None:
    server.served.encoding = "gzip"
    with pytest.raises(DownloadError, match="compressed"):
        get(server.url)


def test_redirects_are_followed_with_the_range(server: Server, weights_folder: Path) -> None:
    server.served.location = server.url
    moved = server.base + "/moved"
    server.served.break_after = 300_000
    with pytest.raises(DownloadInterruptedError), fetched(moved):
        pass
    server.served.break_after = None
    with fetched(moved, sha256=SHA256) as path:
        assert path.read_bytes() == DATA
    assert server.served.asked[-1]["Range"] == "bytes=300000-"


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "ftp://example.org/w.pth", "http://example.org/w.pth", "/moved"],
)
def test_redirects_to_where_they_must_not_lead_are_refused(
    server: Server, weights_folder: Path, location: str
) -> None:
    server.served.location = location
    with (
        pytest.raises(DownloadError, match=r"leads to .*(allowed|tampered|only https)"),
        fetched(server.base + "/moved"),
    ):
        pass
    assert left_in(weights_folder) == []


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://example.org/a", "http://example.org/a", "https:///a", "http://["],
)
def test_addresses_that_are_not_asked(weights_folder: Path, url: str) -> None:
    with pytest.raises(OptionError), fetched(url):
        pass
    assert not weights_folder.exists()


def test_nobody_there_is_worth_another_try(weights_folder: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as closed:
        port = closed.server_port
    with pytest.raises(DownloadInterruptedError), fetched(f"http://127.0.0.1:{port}/a.pth"):
        pass


def test_a_name_cannot_lead_elsewhere(server: Server, weights_folder: Path) -> None:
    with fetched(server.base + "/%2e%2e%2f..%2fevil%20name") as path:
        assert path.name == "evil_name"
        assert weights_folder / FOLDER in path.parents


def test_addresses_and_paths_are_told_apart() -> None:
    assert all(map(is_address, ("https://a/b", "http://a", "file:///a", "s3://a/b")))
    assert not any(map(is_address, ("a.pth", "/a/b.pth", "C:\\a.pth", "./https:/a")))


def test_what_is_kept_of_an_address_opens_nothing() -> None:
    assert (
        without_secrets("https://me:key@a.org:8443/b.pth?token=x#y") == "https://a.org:8443/b.pth"
    )
