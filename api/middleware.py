"""What surrounds every request: an id, a log line, headers of safety, a limit on the body."""

import logging
import re
import secrets
import time
from collections.abc import Callable, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import unexpected

LOG = logging.getLogger("afgen.api")
ACCESS = logging.getLogger("afgen.api.access")
REQUEST_ID = "X-Request-ID"
_GIVEN_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")  # goes into logs, so nothing else passes

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# An API answers with data: nothing of it is to be run, framed, sniffed or kept by a shared cache.
SAFETY: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
}

# Method, route, status, seconds.
Observe = Callable[[str, str, int, float], None]


class Envelope:
    """Gives each request an id, logs and measures it, and turns a fault of ours into a problem.

    It stands outside everything that can fail, so that failures are counted and answered, too.
    """

    def __init__(self, app: ASGIApp, observe: Observe) -> None:
        self.app = app
        self.observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = request_id
                for name, value in {**SAFETY, **scope["state"].get("headers", {})}.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self.app(scope, receive, answer)
        except Exception:
            LOG.exception("request %s failed", request_id)
            if status:
                raise  # the answer has begun: all that is left is to break it off
            await unexpected().response(Request(scope))(scope, receive, answer)
        finally:
            self._tell(scope, status, time.perf_counter() - began)

    def _tell(self, scope: Scope, status: int, took_s: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self.observe(method, route, status, took_s)
        state = scope["state"]
        ACCESS.info(
            "%s %s %d",
            scope["method"],
            scope["path"],
            status,
            extra={
                "request_id": state["request_id"],
                "method": scope["method"],
                "route": route,
                "status": status,
                "ms": round(took_s * 1000, 1),
                "tenant_id": state.get("tenant_id"),
                "key_id": state.get("key_id"),
                "client": (scope.get("client") or ("",))[0],
            },
        )


class BodyLimit:
    """Refuses bodies above a limit, announced or not; `larger` says which routes allow more."""

    def __init__(self, app: ASGIApp, most_bytes: int, larger: Mapping[str, int]) -> None:
        self.app = app
        self.most_bytes = most_bytes
        self.larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        most = self._most(scope["path"])
        announced = Headers(scope=scope).get("content-length", "0")
        too_large = not announced.isascii() or not announced.isdigit() or int(announced) > most
        received = 0

        async def limited() -> Message:
            nonlocal received
            if too_large:
                raise HTTPException(413)
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise HTTPException(413)
            return message

        await self.app(scope, limited, send)

    def _most(self, path: str) -> int:
        allowed = (most for prefix, most in self.larger.items() if path.startswith(prefix))
        return next(allowed, self.most_bytes)


def _request_id(scope: Scope) -> str:
    """The client's own id where it is one, so that its logs and ours can be joined."""
    given = Headers(scope=scope).get(REQUEST_ID, "")
    return given if _GIVEN_ID.fullmatch(given) else f"req_{secrets.token_hex(12)}"
