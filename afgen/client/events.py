"""Server-sent events (WHATWG HTML, section 9.2): read as they come, gone on with after a break."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from afgen.client.connection import WORTH_ANOTHER_TRY, Connection, pause_s, unreachable
from afgen.client.problems import problem_error
from afgen.errors import ServiceUnreachableError

SILENCE_S: Final = 45.0  # the service says something at least every 15 s
BREAKS: Final = 8  # in a row, without an event between them: about two minutes


Lost = Callable[[ServiceUnreachableError], None]


def unheard(failure: ServiceUnreachableError) -> None:
    """For those who wait for whatever comes."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `id` is where to go on after it."""

    id: str
    kind: str
    data: Mapping[str, Any]


def parse_events(lines: Iterable[str]) -> Iterator[Event]:
    """The events of a stream of lines; comments and fields that mean nothing here are skipped."""
    last_id, kind, data = "", "message", list[str]()
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield Event(last_id, kind, json.loads("\n".join(data)))
            kind, data = "message", []
        elif name == "data":
            data.append(value)
        elif name == "event":
            kind = value
        elif name == "id" and "\0" not in value:
            last_id = value


def follow(connection: Connection, path: str, lost: Lost = unheard) -> Iterator[Event]:
    """The events of a path from the first on, each once, over as many connections as it takes.

    Whoever reads decides when it is enough: a stream that ends is asked again. `lost` is told of
    the first break in a row.

    Raises the error that a problem stands for; ServiceUnreachableError after `BREAKS` breaks.
    """
    last_id, breaks = "", 0
    url = connection.profile.url + path
    while True:
        try:
            for event in _read(connection, url, last_id):
                last_id, breaks = event.id or last_id, 0
                yield event
            failure = unreachable(url, "the stream ended")
        except httpx.TransportError as error:
            failure = unreachable(url, error)
        breaks += 1
        if breaks > BREAKS:
            raise failure
        if breaks == 1:
            lost(failure)
        connection.sleep(pause_s(breaks))


def _read(connection: Connection, url: str, last_id: str) -> Iterator[Event]:
    headers = {**connection.authorization, "Accept": "text/event-stream"}
    if last_id:
        headers["Last-Event-ID"] = last_id
    timeout = httpx.Timeout(SILENCE_S, connect=10.0)
    with connection.stream(url, headers, timeout) as response:
        if response.is_error:
            if response.status_code in WORTH_ANOTHER_TRY:
                raise httpx.RemoteProtocolError(f"it answered {response.status_code}")
            response.read()
            raise problem_error(response)
        yield from parse_events(response.iter_lines())
