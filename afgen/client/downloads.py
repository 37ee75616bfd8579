"""A file from the service: whole and checked, or not there. A break is gone on with."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import httpx

from afgen.client.connection import ATTEMPTS, WORTH_ANOTHER_TRY, Connection, pause_s, unreachable
from afgen.client.problems import problem_error
from afgen.errors import AfgenError, DownloadError, DownloadInterruptedError
from afgen.media.files import require_writable_place, sha256_of, writing

Tell = Callable[[int, int], None]  # bytes there, bytes in all


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file as the service describes it; the path redirects to wherever it lies."""

    path: str
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
            failure = unreachable(connection.profile.url + wanted.path, error)
        except DownloadInterruptedError as error:
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
    headers = {**connection.authorization, "Accept-Encoding": "identity"}
    if 0 < there < wanted.bytes:
        headers["Range"] = f"bytes={there}-"
    with connection.stream(connection.profile.url + wanted.path, headers) as response:
        if response.is_error:
            if response.status_code in WORTH_ANOTHER_TRY:
                raise httpx.RemoteProtocolError(f"it answered {response.status_code}")
            response.read()
            raise problem_error(response)
        rest = response.status_code == HTTPStatus.PARTIAL_CONTENT
        done = there if rest else 0
        with writing(part), part.open("ab" if rest else "wb") as file:
            for piece in response.iter_raw():
                file.write(piece)
                done += len(piece)
                tell(done, wanted.bytes)
    if done < wanted.bytes:
        raise DownloadInterruptedError(f"{done} of {wanted.bytes} bytes have arrived.")


def _publish(part: Path, wanted: Wanted, target: Path) -> None:
    if sha256_of(part) != wanted.sha256:
        part.unlink()
        raise DownloadError(
            f"{target}: what arrived is not what the service made.",
            hint="It was deleted. Try again; if it stays so, the stored file is damaged.",
        )
    with writing(target):
        part.replace(target)
