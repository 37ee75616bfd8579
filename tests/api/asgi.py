"""An app as a synchronous HTTP client sees it: its own event loop, no sockets."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI


class _Transport(httpx.BaseTransport):
    """Hands each request to the app, and waits for the whole answer."""

    def __init__(self, app: FastAPI, portal: BlockingPortal) -> None:
        self._app = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._portal = portal

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._portal.call(self._answer, request)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        sent = httpx.Request(
            request.method, request.url, headers=request.headers, content=request.read()
        )
        response = await self._app.handle_async_request(sent)
        content = await response.aread()
        return httpx.Response(response.status_code, headers=response.headers, content=content)


@contextmanager
def client_of(app: FastAPI, url: str) -> Iterator[httpx.Client]:
    """The app between its start and its end."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(app.router.lifespan_context(app)),
        httpx.Client(transport=_Transport(app, portal), base_url=url) as client,
    ):
        yield client
