"""Files that arrive in pieces, or not as they were sent."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from afgen.client.downloads import Wanted, download
from afgen.errors import (
    DownloadError,
    DownloadInterruptedError,
    NotFoundError,
    OutputUnwritableError,
)
from tests.client.servers import Played, problem

CONTENT = bytes(range(256)) * 1024


@pytest.fixture
def service() -> Played:
    return Played()


def wanted() -> Wanted:
    return Wanted("/video", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


def breaking_at(end: int) -> httpx.Response:
    def pieces() -> Iterator[bytes]:
        yield CONTENT[:end]
        raise httpx.ReadError("reset")

    return httpx.Response(200, content=pieces())


def ranged(request: httpx.Request) -> httpx.Response:
    begin = int(request.headers["Range"].removeprefix("bytes=").removesuffix("-"))
    return httpx.Response(206, content=iter([CONTENT[begin:]]))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_break_is_gone_on_with(service: Played, tmp_path: Path) -> None:
    service.lay("GET /video", breaking_at(1000), ranged)
    told: list[tuple[int, int]] = []
    download(service.connection(), wanted(), tmp_path / "out.mp4", lambda *now: told.append(now))
    assert (tmp_path / "out.mp4").read_bytes() == CONTENT
    assert names(tmp_path) == ["out.mp4"]
    assert service.asked[1].headers["Range"] == "bytes=1000-"
    assert told[-1] == (len(CONTENT), len(CONTENT))


def test_a_later_call_goes_on_too(service: Played, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    service.lay("GET /video", breaking_at(1000), httpx.ConnectError("refused"))
    with pytest.raises(DownloadInterruptedError):
        download(service.connection(), wanted(), target, lambda *_: None)
    assert not target.exists()
    again = Played()
    again.lay("GET /video", ranged)
    download(again.connection(), wanted(), target, lambda *_: None)
    assert target.read_bytes() == CONTENT


def test_a_store_that_knows_no_ranges_sends_all_again(service: Played, tmp_path: Path) -> None:
    service.lay("GET /video", breaking_at(1000), httpx.Response(200, content=iter([CONTENT])))
    download(service.connection(), wanted(), tmp_path / "out.mp4", lambda *_: None)
    assert (tmp_path / "out.mp4").read_bytes() == CONTENT


def test_the_key_stays_with_the_service(service: Played, tmp_path: Path) -> None:
    moved = httpx.Response(307, headers={"Location": "http://store.test/stored?right=1"})
    service.lay("GET /video", moved)
    service.lay("GET /stored", httpx.Response(503), httpx.Response(200, content=iter([CONTENT])))
    download(service.connection(), wanted(), tmp_path / "out.mp4", lambda *_: None)
    assert (tmp_path / "out.mp4").read_bytes() == CONTENT
    for request in service.asked:
        assert ("Authorization" in request.headers) == (request.url.host == "service.test")


def test_a_refusal_is_not_asked_again(service: Played, tmp_path: Path) -> None:
    service.lay("GET /video", problem(404, "not_found"))
    with pytest.raises(NotFoundError):
        download(service.connection(), wanted(), tmp_path / "out.mp4", lambda *_: None)
    assert len(service.asked) == 1


def test_other_bytes_are_not_kept(service: Played, tmp_path: Path) -> None:
    service.lay("GET /video", httpx.Response(200, content=iter([CONTENT[::-1]])))
    with pytest.raises(DownloadError, match="not what the service made"):
        download(service.connection(), wanted(), tmp_path / "out.mp4", lambda *_: None)
    assert names(tmp_path) == []


def test_the_place_is_looked_at_first(service: Played, tmp_path: Path) -> None:
    with pytest.raises(OutputUnwritableError):
        download(service.connection(), wanted(), tmp_path / "no" / "out.mp4", lambda *_: None)
    assert service.asked == []
