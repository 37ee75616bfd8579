"""A stream of events that breaks."""

from itertools import islice

import httpx
import pytest

from afgen.client.events import BREAKS, Event, follow, parse_events
from afgen.errors import NotFoundError, ServiceUnreachableError
from tests.client.servers import Played, problem

EVENTS = "/v1/jobs/job_1/events"


@pytest.fixture
def service() -> Played:
    return Played()


def stream(*events: tuple[int, str]) -> httpx.Response:
    text = "".join(f'id: {at}\nevent: {kind}\ndata: {{"n": {at}}}\n\n' for at, kind in events)
    return httpx.Response(200, text=text, headers={"Content-Type": "text/event-stream"})


def test_fields_are_read_as_the_standard_says() -> None:
    lines = [
        ": hello", "retry: 100", "id: 7", "event: progress", 'data: {"done":', "data:1}", "",
        "event: nothing", "", 'data: {"done": 2}', "", 'data: {"cut": "off"}',
    ]  # fmt: skip
    assert list(parse_events(lines)) == [
        Event("7", "progress", {"done": 1}),
        Event("7", "message", {"done": 2}),
    ]


def test_after_a_break_it_goes_on_where_it_was(service: Played) -> None:
    service.lay(
        f"GET {EVENTS}",
        stream((1, "queued"), (2, "running")),
        httpx.ReadError("reset"),
        httpx.Response(503),
        stream((3, "succeeded")),
    )
    lost: list[object] = []
    events = list(islice(follow(service.connection(), EVENTS, lost.append), 3))
    assert [event.kind for event in events] == ["queued", "running", "succeeded"]
    asked = [request.headers.get("Last-Event-ID") for request in service.asked]
    assert asked == [None, "2", "2", "2"]
    assert len(service.waited_s) == 3
    assert len(lost) == 1


@pytest.mark.parametrize("answer", [httpx.ConnectError("refused"), httpx.Response(503), stream()])
def test_a_service_that_stays_away_is_given_up(
    service: Played, answer: httpx.Response | Exception
) -> None:
    service.lay(f"GET {EVENTS}", answer)
    with pytest.raises(ServiceUnreachableError):
        list(follow(service.connection(), EVENTS))
    assert len(service.asked) == BREAKS + 1


def test_a_refusal_is_not_asked_again(service: Played) -> None:
    service.lay(f"GET {EVENTS}", problem(404, "not_found"))
    with pytest.raises(NotFoundError):
        list(follow(service.connection(), EVENTS))
    assert len(service.asked) == 1
