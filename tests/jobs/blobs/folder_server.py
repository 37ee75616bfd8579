"""The least HTTP server that answers the signed addresses of a local store."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

from afgen.errors import StorageError
from afgen.jobs.blobs.interface import attachment, content_type_of
from afgen.jobs.blobs.links import PATH, Grant
from afgen.jobs.blobs.local import LocalBlobs


class _Handler(BaseHTTPRequestHandler):
    blobs: LocalBlobs

    def do_GET(self) -> None:
        grant = self._grant()
        if grant is None:
            return
        data = self.blobs.path_of(grant.key).read_bytes()
        start, _, last = self.headers.get("Range", "bytes=-").removeprefix("bytes=").partition("-")
        self.send_response(206 if start else 200)
        data = data[int(start or 0) : int(last) + 1 if last else None]
        self.send_header("Content-Type", content_type_of(grant.key))
        self.send_header("Content-Length", str(len(data)))
        if grant.filename is not None:
            self.send_header("Content-Disposition", attachment(grant.filename))
        self.end_headers()
        self.wfile.write(data)

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        grant = self._grant()
        if grant is None:
            return
        try:
            with self.blobs.receiving(grant) as write:
                write(data)
        except StorageError:
            self._answer(403)
        else:
            self._answer(200)

    def log_message(self, *args: object) -> None:
        """Nothing."""

    def _grant(self) -> Grant | None:
        address = urlsplit(self.path)
        key, query = unquote(address.path.removeprefix(PATH)), dict(parse_qsl(address.query))
        try:
            return self.blobs.links.verify(self.command, key, query)
        except StorageError:
            self._answer(403)
            return None

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def folder_server(blobs: LocalBlobs, port: int) -> Iterator[None]:
    handler = type("Handler", (_Handler,), {"blobs": blobs})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield
    server.shutdown()
    thread.join()
    server.server_close()
