"""Web servers on this machine that play the outside.

127.0.0.1 is trusted by `policy` and plays the Internet; 127.0.0.2 is not, and plays what lies
inside.
"""

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Network

from afgen.jobs.addresses import AddressPolicy

OUTSIDE, INSIDE = "127.0.0.1", "127.0.0.2"
NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # believes no certificate
Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Site:
    """A web server, what it answers by path, and what it was asked."""

    server: ThreadingHTTPServer
    answers: dict[str, Answer]
    asked: list[tuple[str, str, Mapping[str, str], bytes]] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])


@contextmanager
def site(host: str, port: int = 0, context: ssl.SSLContext | None = None) -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            made.asked.append((self.command, self.path, dict(self.headers), body))
            made.answers.get(self.path, missing)(self)

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer((host, port), Handler)
    server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    made = Site(server, {})
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer(status: int, body: bytes = b"", **fields: str) -> Answer:
    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **fields}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return write


def raw(*parts: bytes) -> Answer:
    def write(handler: BaseHTTPRequestHandler) -> None:
        for part in parts:
            handler.wfile.write(part)
        handler.close_connection = True

    return write


missing = answer(404)


class Names:
    """A resolver that tells what it is told, and counts how often it was asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, name: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def policy(*ports: int, scheme: str = "http") -> AddressPolicy:
    return AddressPolicy(frozenset({scheme, "https"}), frozenset(ports), (IPv4Network(OUTSIDE),))
