"""Files sent in pieces, some of which have to be sent again."""

import hashlib
from pathlib import Path

import httpx
import pytest

from afgen.client.connection import ATTEMPTS
from afgen.client.uploads import ROUNDS, upload
from afgen.errors import (
    EmptyFileError,
    InputError,
    NoFaceError,
    ServiceError,
    ServiceUnreachableError,
)
from tests.client.servers import Played, problem

CONTENT = bytes(range(256)) * 10
HALF = len(CONTENT) // 2
UPLOAD = "/v1/uploads/ast_1"
BEGIN, LOOK, COMPLETE = "POST /v1/uploads", f"GET {UPLOAD}", f"POST {UPLOAD}/complete"
ASSET = "GET /v1/assets/ast_1"


@pytest.fixture
def service() -> Played:
    """One that has heard of the file, and has nothing of it."""
    played = Played()
    played.lay(BEGIN, httpx.Response(201, json={"id": "ast_1"}))
    played.lay(ASSET, asset("uploading"))
    played.lay(COMPLETE, asset("ready"))
    return played


@pytest.fixture
def call(tmp_path: Path) -> Path:
    path = tmp_path / "call.wav"
    path.write_bytes(CONTENT)
    return path


def asset(state: str, **more: object) -> httpx.Response:
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    plain = {"id": "ast_1", "filename": "call.wav", "bytes": len(CONTENT), "sha256": sha256}
    return httpx.Response(200, json={**plain, "state": state, **more})


def missing(*numbers: int) -> httpx.Response:
    requests = [
        {
            "number": number, "offset": (number - 1) * HALF, "bytes": HALF, "method": "PUT",
            "url": f"http://store.test/{number}?right=1", "headers": {"X-Number": str(number)},
        }
        for number in numbers
    ]  # fmt: skip
    received = sorted({1, 2} - set(numbers))
    plain = {"id": "ast_1", "state": "uploading", "bytes": len(CONTENT), "part_bytes": HALF}
    return httpx.Response(200, json={**plain, "received": received, "requests": requests})


def sent(service: Played) -> dict[str, bytes]:
    """The last body for every address of the store."""
    puts = [request for request in service.asked if request.method == "PUT"]
    return {request.url.path: request.content for request in puts}


def receive(request: httpx.Request) -> httpx.Response:
    request.read()
    return httpx.Response(200)


def test_pieces_arrive_where_they_belong(service: Played, call: Path) -> None:
    service.lay(LOOK, missing(1, 2), missing())
    service.lay("PUT /1", receive)
    service.lay("PUT /2", receive)
    told: list[tuple[int, int]] = []
    found = upload(service.connection(), call, "recording", lambda *now: told.append(now))
    assert found.id == "ast_1"
    assert sent(service) == {"/1": CONTENT[:HALF], "/2": CONTENT[HALF:]}
    assert [done for done, _ in told] == sorted({HALF, len(CONTENT)})
    for request in service.asked:
        assert ("Authorization" in request.headers) == (request.url.host == "service.test")
        if request.method == "PUT":
            assert request.headers["Content-Length"] == str(HALF)
            assert request.headers["X-Number"] == request.url.path[1:]


def test_a_piece_that_breaks_is_sent_again_whole(service: Played, call: Path) -> None:
    service.lay(LOOK, missing(1, 2), missing())
    service.lay("PUT /1", httpx.WriteError("reset"), httpx.Response(500), receive)
    service.lay("PUT /2", receive)
    upload(service.connection(), call, "recording", lambda *_: None)
    assert sent(service)["/1"] == CONTENT[:HALF]


def test_only_what_is_missing_is_sent(service: Played, call: Path) -> None:
    service.lay(LOOK, missing(2), missing())
    service.lay("PUT /2", receive)
    upload(service.connection(), call, "recording", lambda *_: None)
    assert list(sent(service)) == ["/2"]


def test_a_file_that_is_there_is_not_sent(call: Path) -> None:
    service = Played()
    service.lay(BEGIN, httpx.Response(201, json={"id": "ast_1"}))
    service.lay(ASSET, asset("ready"))
    connection = service.connection()
    for _ in range(2):
        upload(connection, call, "recording", lambda *_: None)
    keys = [one.headers["Idempotency-Key"] for one in service.asked if one.method == "POST"]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_a_file_that_was_deleted_there_is_sent_anew(call: Path) -> None:
    service = Played()
    begun = [httpx.Response(201, json={"id": one}) for one in ("ast_0", "ast_1")]
    service.lay(BEGIN, *begun)
    service.lay("GET /v1/assets/ast_0", problem(404, "not_found"))
    service.lay(ASSET, asset("ready"))
    assert upload(service.connection(), call, "recording", lambda *_: None).id == "ast_1"
    keys = {one.headers["Idempotency-Key"] for one in service.asked if one.method == "POST"}
    assert len(keys) == 2


def test_an_address_that_is_over_is_replaced(service: Played, call: Path) -> None:
    service.lay(LOOK, missing(1, 2), missing(1, 2), missing())
    service.lay("PUT /1", httpx.Response(403, text="<Error>Expired</Error>"), receive)
    service.lay("PUT /2", receive)
    upload(service.connection(), call, "recording", lambda *_: None)
    assert set(sent(service)) == {"/1", "/2"}


@pytest.mark.parametrize(
    ("answer", "kind", "asked"),
    [
        (httpx.Response(403), ServiceError, ROUNDS),
        (httpx.ConnectError("refused"), ServiceUnreachableError, ATTEMPTS),
    ],
)
def test_a_store_that_never_takes_it_is_given_up(
    service: Played,
    call: Path,
    answer: httpx.Response | Exception,
    kind: type[Exception],
    asked: int,
) -> None:
    service.lay(LOOK, missing(1, 2))
    service.lay("PUT /1", answer)
    with pytest.raises(kind, match=r"http://store\.test/1 "):
        upload(service.connection(), call, "recording", lambda *_: None)
    assert sum(request.method == "PUT" for request in service.asked) == asked


def test_what_the_service_rejects_says_why(call: Path) -> None:
    service = Played()
    service.lay(BEGIN, httpx.Response(201, json={"id": "ast_1"}))
    service.lay(ASSET, asset("rejected", error={"code": "no_face", "message": "Nobody."}))
    with pytest.raises(NoFaceError, match="Nobody"):
        upload(service.connection(), call, "portrait", lambda *_: None)


def test_a_file_that_changes_meanwhile_is_noticed(service: Played, call: Path) -> None:
    service.answers.pop(COMPLETE)
    service.lay(LOOK, missing())
    service.lay(COMPLETE, asset("ready", sha256="0" * 64))
    with pytest.raises(InputError, match="changed"):
        upload(service.connection(), call, "recording", lambda *_: None)


def test_a_file_that_cannot_be_read_asks_nobody(service: Played, tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    with pytest.raises(EmptyFileError):
        upload(service.connection(), tmp_path / "empty.wav", "recording", lambda *_: None)
    assert service.asked == []
