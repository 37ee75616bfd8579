"""A service that is played: answers by path, in the order in which they were laid down."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from afgen.client.connection import Connection
from afgen.client.profile import Profile

Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]
PROFILE = Profile("http://service.test", "afk_test_secret")


@dataclass
class Played:
    """What was asked, how long was waited, and what will be answered."""

    answers: dict[str, deque[Answer]] = field(default_factory=dict)
    asked: list[httpx.Request] = field(default_factory=list)
    waited_s: list[float] = field(default_factory=list)

    def lay(self, place: str, *answers: Answer) -> None:
        """Answers of a place such as `GET /v1/jobs`; the last one stays."""
        self.answers.setdefault(place, deque()).extend(answers)

    def connection(self) -> Connection:
        """A client that speaks to it."""
        return Connection(
            PROFILE,
            httpx.Client(transport=httpx.MockTransport(self._answer), follow_redirects=True),
            sleep=self.waited_s.append,
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        waiting = self.answers[f"{request.method} {request.url.path}"]
        answer = waiting.popleft() if len(waiting) > 1 else waiting[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer


def problem(
    status: int, code: str, detail: str = "It cannot be.", **more: object
) -> httpx.Response:
    """An answer that says what went wrong."""
    document = {"title": "Trouble", "status": status, "code": code, "detail": detail, **more}
    return httpx.Response(
        status, json=document, headers={"Content-Type": "application/problem+json"}
    )
