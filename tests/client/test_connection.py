"""Requests that are tried again, and errors with a type."""

import httpx
import pytest

from afgen.client.connection import ATTEMPTS, LONGEST_PAUSE_S, pause_s
from afgen.client.problems import error_of
from afgen.errors import (
    NoFaceError,
    NotFoundError,
    OptionError,
    ServiceError,
    ServiceUnreachableError,
)
from tests.client.servers import Played, problem

JOBS = "/v1/jobs"


@pytest.fixture
def service() -> Played:
    return Played()


def test_the_key_goes_with_every_request_and_shows_nowhere(service: Played) -> None:
    service.lay(f"GET {JOBS}", httpx.Response(200, json={"data": []}))
    connection = service.connection()
    assert connection.get(JOBS, state="queued", cursor=None) == {"data": []}
    (request,) = service.asked
    assert request.headers["Authorization"] == "Bearer afk_test_secret"
    assert request.url.query == b"state=queued"
    assert "secret" not in repr(connection)


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("silence"),
        problem(503, "unavailable"),
        problem(429, "rate_limited"),
        httpx.Response(502, text="<html>Bad gateway</html>"),
    ],
)
def test_what_may_pass_is_tried_again_with_the_same_key(
    service: Played, failure: httpx.Response | Exception
) -> None:
    service.lay(f"POST {JOBS}", failure, failure, httpx.Response(201, json={"id": "job_1"}))
    assert service.connection().post(JOBS, {}) == {"id": "job_1"}
    keys = {request.headers["Idempotency-Key"] for request in service.asked}
    assert len(service.asked) == 3
    assert len(keys) == 1


def test_the_service_says_how_long_to_wait(service: Played) -> None:
    busy = problem(429, "rate_limited")
    busy.headers["Retry-After"] = "7"
    service.lay(f"GET {JOBS}", busy, httpx.Response(200, json={}))
    service.connection().get(JOBS)
    assert service.waited_s == [7.0]


def test_pauses_grow_and_end() -> None:
    means = [0.5, 1.0, 2.0, 4.0]
    for attempt, mean in enumerate(means, start=1):
        assert 0.75 * mean <= pause_s(attempt) <= 1.25 * mean
    assert pause_s(1, 3600.0) == LONGEST_PAUSE_S


def test_nobody_there_is_an_error_that_says_what_to_do(service: Played) -> None:
    service.lay(f"GET {JOBS}", httpx.ConnectError("Connection refused"))
    with pytest.raises(ServiceUnreachableError, match="Connection refused") as raised:
        service.connection().get(JOBS)
    assert "afgen up" in raised.value.advice
    assert len(service.asked) == ATTEMPTS


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (problem(422, "no_face", "Nobody is there."), NoFaceError, "Nobody is there."),
        (problem(404, "not_found", "No job job_1."), NotFoundError, "No job job_1."),
        (problem(418, "teapot", "Short and stout."), ServiceError, r"Short and stout. \(teapot\)"),
        (httpx.Response(403, text="<html>"), ServiceError, r"/v1/jobs answered 403"),
    ],
)
def test_a_problem_is_the_error_of_its_code(
    service: Played, answer: httpx.Response, kind: type[Exception], says: str
) -> None:
    service.lay(f"GET {JOBS}", answer)
    with pytest.raises(kind, match=says):
        service.connection().get(JOBS)
    assert len(service.asked) == 1


def test_what_is_invalid_is_named(service: Played) -> None:
    faults = [
        {"pointer": "#/settings/size", "detail": "must be even"},
        {"parameter": "limit", "in": "query", "detail": "must be less than 200"},
    ]
    service.lay(f"POST {JOBS}", problem(422, "validation", "It does not fit.", errors=faults))
    with pytest.raises(OptionError) as raised:
        service.connection().post(JOBS, {})
    assert raised.value.message == (
        "It does not fit. settings/size: must be even; limit: must be less than 200"
    )


def test_a_hint_of_the_service_replaces_ours() -> None:
    assert error_of("no_face", "Nobody.").advice == NoFaceError.hint
    assert error_of("no_face", "Nobody.", hint="Look again.").advice == "Look again."
