"""HTTP to addresses that users name: recordings to fetch, webhooks to deliver.

A name is resolved once, all it resolves to is checked, and the connection goes to one of these
addresses and to nothing else, so that a name that resolves differently a moment later gains
nothing (DNS rebinding). TLS is still held against the name. Every redirect begins anew. What comes
back is bounded in bytes, in seconds of silence and in seconds altogether; nothing is decompressed,
no proxy of the environment is asked, no cookie and no connection is kept.
"""

import hashlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

import httpcore

from afgen.errors import (
    AddressRefusedError,
    FetchError,
    FetchInterruptedError,
    FetchTooLargeError,
)
from afgen.jobs.addresses import AddressPolicy, Target, parse_target, require_allowed
from afgen.jobs.settings import ServiceSettings
from afgen.media.files import writing

Resolve = Callable[[str, int], Sequence[str]]  # name, port -> addresses as text
Tell = Callable[[int], None]  # bytes there

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_AGAIN_LATER: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_AGENT: Final = f"afgen/{version('afgen')}"
_UNKNOWN_NAME: Final = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", -5)})


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one exchange, redirects included."""

    total_s: float = 600.0
    silence_s: float = 20.0  # longest wait for a connection, for the first byte and for any other
    most_bytes: int = 4 << 30
    redirects: int = 3


WEBHOOK_LIMITS: Final = Limits(total_s=20.0, silence_s=15.0, most_bytes=0, redirects=0)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that has arrived whole."""

    bytes: int
    sha256: str
    content_type: str | None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a receiver answered. Its body is not read."""

    status: int
    retry_after: str | None = None


def system_resolve(name: str, port: int) -> Sequence[str]:
    """Addresses of a name by the system's resolver, in its order. Raises OSError."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def policy_of(settings: ServiceSettings) -> AddressPolicy:
    """What this installation may speak to."""
    schemes = {"https", "http"} if settings.outbound_http else {"https"}
    return AddressPolicy(frozenset(schemes), settings.outbound_ports, settings.outbound_trusted)


class Outbound:
    """Speaks HTTP to public addresses. Holds no state: one serves all threads."""

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        resolve: Resolve = system_resolve,
        ssl_context: ssl.SSLContext | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._resolve = resolve
        self._ssl_context = ssl_context or httpcore.default_ssl_context()
        self._monotonic = monotonic

    def download(
        self, url: str, path: Path, limits: Limits, tell: Tell = lambda count: None
    ) -> Fetched:
        """Write what lies at a URL to `path`; nothing is left there when it fails.

        `tell` hears how many bytes have arrived, piece by piece; what it raises ends the download.

        Raises AddressRefusedError, FetchTooLargeError, FetchInterruptedError where trying again
        may help, FetchError where it would not, OutputError.
        """
        deadline = _Deadline(limits, self._monotonic)
        target = parse_target(url, self._policy)
        for _ in range(limits.redirects + 1):
            with self._exchange("GET", target, {}, b"", deadline) as response:
                if response.status not in _REDIRECTS:
                    _require_plain(target, response)
                    return _receive(target, response, path, limits.most_bytes, tell)
                location = _field(response, b"location")
            target = self._follow(target, location)
        raise FetchError(f"{target.authority}: more than {limits.redirects} redirects.")

    def post(
        self, url: str, body: bytes, headers: Mapping[str, str], limits: Limits = WEBHOOK_LIMITS
    ) -> Reply:
        """Send `body` and give the status. Redirects are an answer like any other.

        Raises AddressRefusedError, FetchInterruptedError, FetchError.
        """
        target = parse_target(url, self._policy)
        deadline = _Deadline(limits, self._monotonic)
        with self._exchange("POST", target, headers, body, deadline) as response:
            return Reply(response.status, _field(response, b"retry-after"))

    def _follow(self, target: Target, location: str | None) -> Target:
        if location is None:
            raise FetchError(f"{target.authority}: a redirect to nowhere.")
        try:
            url = urljoin(target.url, location)
        except ValueError:
            raise AddressRefusedError("A redirect leads to no readable URL.") from None
        following = parse_target(url, self._policy)
        if target.scheme == "https" and following.scheme != "https":
            raise AddressRefusedError("A redirect leads from https to http.")
        return following

    def _addresses(self, target: Target, deadline: "_Deadline") -> list[str]:
        """Where the host is, resolved once; refused whole if one address is not allowed."""
        if target.literal is not None:
            return [str(target.literal)]
        answer = _in_time(lambda: self._resolve(target.host, target.port), target, deadline)
        addresses = [ip_address(text) for text in answer]
        for address in addresses:
            require_allowed(address, self._policy)
        if not addresses:
            raise FetchError(f"{target.authority}: the name is unknown.")
        return [str(address) for address in addresses]

    @contextmanager
    def _exchange(
        self,
        method: str,
        target: Target,
        headers: Mapping[str, str],
        body: bytes,
        deadline: "_Deadline",
    ) -> Iterator[httpcore.Response]:
        """One request and its answer over a connection of its own."""
        backend = _Pinned(self._addresses(target, deadline), deadline)
        url = httpcore.URL(
            scheme=target.scheme, host=target.host, port=target.port, target=target.path
        )
        fields: list[tuple[str | bytes, str | bytes]] = [
            ("Host", target.authority),
            ("User-Agent", _AGENT),
            ("Accept", "*/*"),
            ("Accept-Encoding", "identity"),
            ("Connection", "close"),
            *headers.items(),
        ]
        pool = httpcore.ConnectionPool(
            ssl_context=self._ssl_context, network_backend=backend, max_keepalive_connections=0
        )
        try:
            with pool, pool.stream(method, url, headers=fields, content=body or None) as response:
                yield response
        except httpcore.TimeoutException as error:
            raise FetchInterruptedError(f"{target.authority} took too long.") from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            cause = next(iter(error.args), error)
            if isinstance(cause, ssl.SSLCertVerificationError):
                raise FetchError(f"{target.authority} has no valid certificate.") from error
            reason = getattr(cause, "strerror", None) or cause
            raise FetchInterruptedError(f"{target.authority}: {reason}.") from error


class _Deadline:
    """How long each step may still take."""

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        self._silence_s = limits.silence_s
        self._monotonic = monotonic
        self._end = monotonic() + limits.total_s

    def step_s(self) -> float:
        """Seconds the next wait may take. Raises FetchInterruptedError if none are left."""
        left = self._end - self._monotonic()
        if left <= 0:
            raise FetchInterruptedError("The exchange took too long.")
        return min(left, self._silence_s)


class _Pinned(httpcore.NetworkBackend):
    """Connects to addresses that were checked, whatever the name says by now."""

    def __init__(self, addresses: Sequence[str], deadline: _Deadline) -> None:
        self._addresses = addresses
        self._deadline = deadline
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first address that takes one."""
        *others, last = self._addresses
        for address in others:
            try:
                return self._connect(address, port)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._connect(last, port)

    def _connect(self, address: str, port: int) -> httpcore.NetworkStream:
        stream = self._sockets.connect_tcp(address, port, timeout=self._deadline.step_s())
        return _Timed(stream, self._deadline)


class _Timed(httpcore.NetworkStream):
    """A stream each of whose waits is bounded, and all of them together."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """See httpcore.NetworkStream."""
        return self._stream.read(max_bytes, self._deadline.step_s())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """See httpcore.NetworkStream."""
        self._stream.write(buffer, self._deadline.step_s())

    def close(self) -> None:
        """See httpcore.NetworkStream."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """See httpcore.NetworkStream."""
        secured = self._stream.start_tls(ssl_context, server_hostname, self._deadline.step_s())
        return _Timed(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """See httpcore.NetworkStream."""
        return self._stream.get_extra_info(info)


def _in_time(
    resolve: Callable[[], Sequence[str]], target: Target, deadline: _Deadline
) -> Sequence[str]:
    """A resolver's answer. It cannot be interrupted, so it is waited for and then left alone."""
    answer: Future[Sequence[str]] = Future()

    def ask() -> None:
        try:
            answer.set_result(resolve())
        except Exception as error:
            answer.set_exception(error)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        return answer.result(deadline.step_s())
    except socket.gaierror as error:
        if error.errno in _UNKNOWN_NAME:
            raise FetchError(f"{target.authority}: the name is unknown.") from None
        raise FetchInterruptedError(f"{target.authority}: {error.strerror}.") from error
    except OSError as error:  # TimeoutError is one
        raise FetchInterruptedError(f"{target.authority}: the name was not resolved.") from error


def _require_plain(target: Target, response: httpcore.Response) -> None:
    """Refuse answers other than the whole file as it is."""
    if response.status in _AGAIN_LATER:
        raise FetchInterruptedError(f"{target.authority} answered {response.status}.")
    if response.status != 200:
        raise FetchError(f"{target.authority} answered {response.status}.")
    if (_field(response, b"content-encoding") or "identity").lower() != "identity":
        raise FetchError(f"{target.authority} sends the file compressed, which was not asked for.")


def _receive(
    target: Target, response: httpcore.Response, path: Path, most_bytes: int, tell: Tell
) -> Fetched:
    """The body, to a file, with its hash; a short one raises httpcore.RemoteProtocolError."""
    too_large = FetchTooLargeError(f"{target.authority}: more than {most_bytes} bytes.")
    length = _field(response, b"content-length")
    if length is not None and int(length) > most_bytes:
        raise too_large
    digest, count = hashlib.sha256(), 0
    with _whole_or_absent(path), writing(path), path.open("wb") as file:
        for chunk in response.iter_stream():
            count += len(chunk)
            if count > most_bytes:
                raise too_large
            digest.update(chunk)
            file.write(chunk)
            tell(count)
    return Fetched(count, digest.hexdigest(), _field(response, b"content-type"))


@contextmanager
def _whole_or_absent(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _field(response: httpcore.Response, name: bytes) -> str | None:
    """The first value of a header field."""
    values = (value for key, value in response.headers if key.lower() == name)
    value = next(values, None)
    return None if value is None else value.decode("latin-1").strip()
