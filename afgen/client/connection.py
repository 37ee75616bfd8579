"""Requests to the service that are tried again where that can help, and errors with a type.

Every request may be sent twice: those that make something carry an Idempotency-Key, by which the
service knows a second one and answers as it did to the first (IETF draft, "The Idempotency-Key HTTP
Header Field").
"""

import random
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Final, Self

import httpx

from afgen.client.problems import problem_error
from afgen.client.profile import Profile
from afgen.errors import AfgenError, ServiceUnreachableError

ATTEMPTS: Final = 4  # over about four seconds
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 60.0
WORTH_ANOTHER_TRY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)

Sleep = Callable[[float], None]


def http_client() -> httpx.Client:
    """A client for the service and for its store; addresses of the store carry their own right."""
    return httpx.Client(
        timeout=_TIMEOUT,
        follow_redirects=True,
        headers={"User-Agent": f"afgen/{version('afgen')}"},
    )


@dataclass(frozen=True, slots=True)
class Connection:
    """A service, and how to speak to it. Close it, or use it as a context."""

    profile: Profile
    http: httpx.Client = field(default_factory=http_client)
    sleep: Sleep = time.sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.http.close()

    def get(self, path: str, **params: Any) -> Any:
        """What is at a path, as JSON; parameters that are None are left out."""
        return self.json("GET", path, params=_given(params))

    def get_text(self, path: str) -> str:
        """What is at a path, as it is."""
        return self._ask("GET", path).text

    def post(self, path: str, body: Any = None, *, key: str | None = None) -> Any:
        """Make or do something. The same `key` twice does it once."""
        headers = {"Idempotency-Key": key or uuid.uuid4().hex}
        return self.json("POST", path, json=body, headers=headers)

    def delete(self, path: str) -> None:
        """Delete what is at a path."""
        self.json("DELETE", path)

    def json(self, method: str, path: str, **request: Any) -> Any:
        """The answer's JSON, None if it has no body.

        Raises the error that a problem stands for, ServiceUnreachableError.
        """
        response = self._ask(method, path, **request)
        return response.json() if response.content else None

    def send(self, method: str, url: str, **request: Any) -> httpx.Response:
        """An answer below 400 of any address, tried again where that can help; see `json`."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                response = self.http.request(method, url, **request)
            except httpx.TransportError as error:
                failure: AfgenError = unreachable(url, error)
                asked_s = None
            else:
                if response.is_success:
                    return response
                failure = problem_error(response)
                if response.status_code not in WORTH_ANOTHER_TRY:
                    raise failure
                asked_s = _asked_to_wait_s(response.headers)
            if attempt < ATTEMPTS:
                self.sleep(pause_s(attempt, asked_s))
        raise failure

    def stream(
        self, url: str, headers: Mapping[str, str], timeout: httpx.Timeout | None = None
    ) -> AbstractContextManager[httpx.Response]:
        """An answer that is read as it comes; errors are the caller's."""
        return self.http.stream("GET", url, headers=headers, timeout=timeout or _TIMEOUT)

    def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        headers = {**self.authorization, **request.pop("headers", {})}
        return self.send(method, self.profile.url + path, headers=headers, **request)

    @property
    def authorization(self) -> dict[str, str]:
        """The header that says who asks."""
        return {"Authorization": f"Bearer {self.profile.api_key}"}


def unreachable(url: str, reason: object) -> ServiceUnreachableError:
    """Nobody answered at an address, which is shown without its query: that may be a right."""
    where = httpx.URL(url).copy_with(query=None)
    return ServiceUnreachableError(f"{where} does not answer: {str(reason) or repr(reason)}.")


def pause_s(attempt: int, asked_s: float | None = None) -> float:
    """How long to wait after a failed attempt: as the service asked, else longer every time."""
    if asked_s is not None:
        return min(asked_s, LONGEST_PAUSE_S)
    spread = random.uniform(0.75, 1.25)  # so that many clients don't come back at once
    return min(FIRST_PAUSE_S * 2.0 ** (attempt - 1) * spread, LONGEST_PAUSE_S)


def _asked_to_wait_s(headers: httpx.Headers) -> float | None:
    asked = headers.get("Retry-After", "")
    return float(asked) if asked.isdigit() else None


def _given(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}
