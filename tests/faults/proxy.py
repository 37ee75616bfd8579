"""A proxy before a store of files that fails when it is told to."""

import socket
import threading
import time
from contextlib import suppress
from enum import StrEnum
from urllib.parse import urlsplit

from tests.service.servers import free_port

_PIECE_BYTES = 1 << 16
_SLOW_BYTES = 1 << 12
_SLOW_PAUSE_S = 0.05  # 80 kB/s
_ERROR = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Mode(StrEnum):
    """How the proxy behaves."""

    WELL = "well"
    ERRORS = "errors"  # answers everything with status 500
    SILENT = "silent"  # takes connections and says nothing
    SLOW = "slow"


class FaultProxy:
    """Bytes go through unchanged, so signatures stay valid, unless `mode` says otherwise."""

    def __init__(self, target_url: str) -> None:
        target = urlsplit(target_url)
        self._target = (target.hostname, target.port)
        self._mode = Mode.WELL
        self._open: set[socket.socket] = set()
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._server = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._serve, daemon=True).start()

    def behave(self, mode: Mode) -> None:
        """Change how connections are served; those that are open are cut."""
        self._mode = mode
        for connection in list(self._open):
            _close(connection)

    def close(self) -> None:
        """Serve no more."""
        self._server.close()
        self.behave(Mode.WELL)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        self._open.add(client)
        with suppress(OSError):
            match self._mode:
                case Mode.ERRORS:
                    client.recv(_PIECE_BYTES)
                    client.sendall(_ERROR)
                    _close(client)
                case Mode.SILENT:
                    while client.recv(_PIECE_BYTES):
                        pass
                case _:
                    self._join(client)
        self._open.discard(client)
        client.close()

    def _join(self, client: socket.socket) -> None:
        with socket.create_connection(self._target) as server:
            self._open.add(server)
            back = threading.Thread(target=self._pipe, args=(server, client), daemon=True)
            back.start()
            self._pipe(client, server)
            back.join()
            self._open.discard(server)

    def _pipe(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(_SLOW_BYTES if self._mode is Mode.SLOW else _PIECE_BYTES):
                if self._mode is Mode.SLOW:
                    time.sleep(_SLOW_PAUSE_S)
                sink.sendall(piece)
        _close(sink)


def _close(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
