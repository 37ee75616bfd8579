"""A file from the service: whole and checked, or not there. A break is gone on with."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

import httpx

from afgen.client.connection import ATTEMPTS, Connection, pause_s, unreachable
from afgen.client.problems import problem_error
from afgen.errors import AfgenError, DownloadError, DownloadInterruptedError
from afgen.media.files import require_writable_place, sha256_of, writing

_LINK_IS_OVER: Final = frozenset({401, 403, 404, 410})

Tell = Callable[[int, int], None]  # bytes there, bytes in all


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file as the service describes it; `link` gives an address that is good right now."""

    link: Callable[[], str]
    bytes: int
    sha256: str


def download(connection: Connection, wanted: Wanted, target: Path, tell: Tell) -> None:
    """Fetch a file. What has arrived lies beside `target`, named after the bytes it belongs to.

    Raises DownloadInterruptedError if another call goes on from here, DownloadError if the bytes
    are not those that were promised, OutputError.
    """
    require_writable_place(target)
    part = target.with_name(f".{target.name}.{wanted.sha256[:16]}.part")
    failure: AfgenError | None = None
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _receive(connection, wanted, part, tell)
        except httpx.TransportError as error:
            failure = unreachable(wanted.link(), error)
        except AfgenError as error:
            if not error.retryable:
                raise
            failure = error
        else:
            return _publish(part, wanted, target)
        connection.sleep(pause_s(attempt))
    raise DownloadInterruptedError(f"{target} is not complete: {failure}") from failure


def _receive(connection: Connection, wanted: Wanted, part: Path, tell: Tell) -> None:
    """Append what is missing; anything but the rest that was asked for begins anew."""
    there = part.stat().st_size if part.exists() else 0
    if there == wanted.bytes:
        return
    headers = {"Accept-Encoding": "identity"}
    if 0 < there < wanted.bytes:
        headers["Range"] = f"bytes={there}-"
    with connection.stream(wanted.link(), headers) as response:
        if response.is_error:
            response.read()
            raise _refused(response)
        rest = response.status_code == HTTPStatus.PARTIAL_CONTENT
        done = there if rest else 0
        with writing(part), part.open("ab" if rest else "wb") as file:
            for piece in response.iter_raw():
                file.write(piece)
                done += len(piece)
                tell(done, wanted.bytes)
    if done < wanted.bytes:
        raise DownloadInterruptedError(f"{done} of {wanted.bytes} bytes have arrived.")


def _refused(response: httpx.Response) -> AfgenError:
    if (
        response.status_code in _LINK_IS_OVER
        or response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
    ):
        return DownloadInterruptedError(f"the store answered {response.status_code}.")
    return problem_error(response)


def _publish(part: Path, wanted: Wanted, target: Path) -> None:
    if sha256_of(part) != wanted.sha256:
        part.unlink()
        raise DownloadError(
            f"{target}: what arrived is not what the service made.",
            hint="It was deleted. Try again; if it stays so, the stored file is damaged.",
        )
    with writing(target):
        part.replace(target)
