"""One file from an address that the user gave: resumable, bounded, and whole or not there.

What has arrived lies in the store's hidden folder, with the validator of the server beside it. A
later call asks for the rest and for the case that the file is still the same (RFC 9110, Range and
If-Range); a file that has changed meanwhile is fetched anew.
"""

import hashlib
import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from email.message import Message
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from afgen.errors import DownloadError, DownloadInterruptedError, OptionError
from afgen.media.files import sha256_of, writing
from afgen.weights.store import store_folder

FOLDER: Final = ".downloads"
SCHEMES: Final = ("https", "http")
THIS_MACHINE: Final = ("localhost", "127.0.0.1", "::1")
LIMIT_BYTES: Final = 8 << 30  # several times the largest public checkpoint
_CHUNK_BYTES: Final = 1 << 20
_TIMEOUT_S: Final = 60.0
_REDIRECTS: Final = 10
_AGAIN_LATER: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_RANGE_NOT_THERE: Final = 416  # it begins at or after the end

Tell = Callable[[int, int | None], None]  # bytes there, bytes in all


def is_address(source: str) -> bool:
    """Whether this is a URL of any scheme, and not a path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", source) is not None


@contextmanager
def fetched(
    url: str,
    *,
    sha256: str | None = None,
    limit_bytes: int = LIMIT_BYTES,
    tell: Tell = lambda done, total: None,
) -> Iterator[Path]:
    """The file at an address, deleted when the block ends well and kept for a next try otherwise.

    `https` is required, but for this machine and where `sha256` says what has to arrive.

    Raises OptionError for another scheme, DownloadInterruptedError if trying again goes on from
    here, DownloadError if it would not help, OutputError.
    """
    request = _Request(url, sha256 is not None, limit_bytes, tell)
    if reason := _why_not(url, pinned=request.pinned):
        raise OptionError(f"{_shown(url)}: {reason}.")
    folder = store_folder() / FOLDER / hashlib.sha256(url.encode()).hexdigest()[:16]
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    path = folder / _name_of(url)
    _fetch(request, path)
    _require_hash(request, path, sha256)
    yield path
    for left in (path, _notes_of(path)):
        left.unlink(missing_ok=True)
    folder.rmdir()


def without_secrets(url: str) -> str:
    """An address fit to be kept and shown: no user, no password, no query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the address"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


@dataclass(frozen=True, slots=True)
class _Request:
    url: str
    pinned: bool
    limit_bytes: int
    tell: Tell


@dataclass(frozen=True, slots=True)
class _Notes:
    """What is known of a file that has arrived, maybe in part; `validator` is for If-Range."""

    validator: str | None = None
    total: int | None = None


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows only to where the first address could have been."""

    max_redirections = _REDIRECTS

    def __init__(self, *, pinned: bool) -> None:
        self._pinned = pinned

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """The request for the next address, with the range that the first one asked for."""
        if reason := _why_not(newurl, pinned=self._pinned):
            raise DownloadError(f"{_shown(req.full_url)} leads to {_shown(newurl)}: {reason}.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _fetch(request: _Request, path: Path) -> None:
    """Get what is missing of the file, or all of it where it has changed."""
    there, notes = _arrived(path)
    headers = {}
    if there and notes.validator:
        headers = {"Range": f"bytes={there}-", "If-Range": notes.validator}
    try:
        with _open(request, headers) as response:
            _receive(request, response, path)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != _RANGE_NOT_THERE or not headers:
            raise _refused(request, error) from None
        if _stated(error.headers) != there:  # neither whole nor to be gone on with
            path.unlink()
            _fetch(request, path)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise DownloadInterruptedError(f"{_shown(request.url)}: {reason}.") from error


def _open(request: _Request, headers: Mapping[str, str]) -> Any:
    """An answer to read from. Only HTTP is known here: nothing leads to local files."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(pinned=request.pinned),
    ):
        opener.add_handler(handler)
    agent = {"User-Agent": f"afgen/{version('afgen')}", "Accept-Encoding": "identity"}
    asked = urllib.request.Request(request.url, headers={**agent, **headers})
    return opener.open(asked, timeout=_TIMEOUT_S)


def _receive(request: _Request, response: Any, path: Path) -> None:
    """Append the rest that the server sends, or write the whole."""
    _require_file(request, response.headers)
    there = _arrived(path)[0]
    begin = there if response.status == http.HTTPStatus.PARTIAL_CONTENT else 0
    total = _stated(response.headers)
    if begin and _first_byte(response.headers) != begin:
        raise DownloadError(f"{_shown(request.url)} sent another part than the one asked for.")
    if total is not None and total > request.limit_bytes:
        raise _too_large(request)
    with writing(path), path.open("ab" if begin else "wb") as file:
        _write_notes(path, _Notes(_validator(response.headers), total))
        done = begin
        while piece := _piece(request, response):
            done += len(piece)
            if done > request.limit_bytes:
                raise _too_large(request)
            file.write(piece)
            request.tell(done, total)
    if total is not None and done < total:
        raise DownloadInterruptedError(
            f"{_shown(request.url)} broke off after {done} of {total} bytes."
        )


def _piece(request: _Request, response: Any) -> bytes:
    try:
        piece: bytes = response.read(_CHUNK_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise DownloadInterruptedError(f"{_shown(request.url)} broke off: {error}.") from error
    return piece


def _require_file(request: _Request, headers: Message) -> None:
    """Raises DownloadError for an answer that cannot be a file of weights."""
    if headers.get_content_type() in ("text/html", "application/xhtml+xml"):
        raise DownloadError(
            f"{_shown(request.url)} is a web page, not a file.",
            hint="Give the address of the file itself, or download it in a browser.",
        )
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        raise DownloadError(f"{_shown(request.url)} is sent compressed, which was not asked for.")


def _refused(request: _Request, error: urllib.error.HTTPError) -> DownloadError:
    where = _shown(request.url)
    if error.code in _AGAIN_LATER:
        return DownloadInterruptedError(
            f"{where}: the server says {error.code}.", hint="Run the same command again later."
        )
    if 300 <= error.code < 400:
        return DownloadError(f"{where} leads to an address that is not allowed, or in circles.")
    return DownloadError(f"{where}: the server says {error.code} {error.reason}.")


def _too_large(request: _Request) -> DownloadError:
    return DownloadError(
        f"{_shown(request.url)} is larger than {request.limit_bytes / 1e9:.1f} GB.",
        hint="No public checkpoint is that large: check the address.",
    )


def _require_hash(request: _Request, path: Path, sha256: str | None) -> None:
    found = sha256_of(path)
    if sha256 is not None and found != sha256.lower():
        path.unlink()
        raise DownloadError(
            f"{_shown(request.url)} has the SHA-256 {found}, not {sha256}.",
            hint="It is another file than the one you were told of. It was deleted.",
        )


def _why_not(url: str, *, pinned: bool) -> str:
    """Why an address is not to be asked; empty where it may be."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError as error:
        return str(error)
    if parts.scheme not in SCHEMES or not host:
        return f"only {' and '.join(SCHEMES)} addresses are fetched"
    if parts.scheme == "http" and host not in THIS_MACHINE and not pinned:
        return "http can be tampered with, so it needs the file's SHA-256"
    return ""


def _first_byte(headers: Message) -> int | None:
    found = re.match(r"bytes (\d+)-", headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _stated(headers: Message) -> int | None:
    """Size of the whole file as an answer states it."""
    found = re.fullmatch(r"bytes .*/(\d+)", headers.get("Content-Range", ""))
    length = found[1] if found else headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None


def _validator(headers: Message) -> str | None:
    """What tells this file from a later one; a weak ETag does not tell bytes apart."""
    tag = headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified")


def _arrived(path: Path) -> tuple[int, _Notes]:
    """Bytes that are there, and the notes of the call that got them."""
    if not path.is_file():
        return 0, _Notes()
    try:
        return path.stat().st_size, _Notes(**json.loads(_notes_of(path).read_text()))
    except (OSError, ValueError, TypeError):
        return path.stat().st_size, _Notes()


def _write_notes(path: Path, notes: _Notes) -> None:
    _notes_of(path).write_text(json.dumps(asdict(notes)))


def _notes_of(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _name_of(url: str) -> str:
    """A file name to show and to record; never one that leads elsewhere."""
    name = re.sub(r"[^\w.-]", "_", PurePosixPath(unquote(urlsplit(url).path)).name)
    return name.lstrip(".")[:120] or "download"


def _shown(url: str) -> str:
    return without_secrets(url)
