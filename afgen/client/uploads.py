"""A file to the service, in pieces that a break does not undo.

An upload is begun under an Idempotency-Key made of the file's own hash. So the same file, whoever
begins it again and from wherever, is the same upload: the service says which pieces are missing,
and of a file that is there already none are.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from afgen.client.connection import Connection
from afgen.client.problems import error_of
from afgen.client.values import Asset, Piece, Upload
from afgen.errors import (
    InputError,
    NotFoundError,
    ServiceError,
    ServiceUnreachableError,
    StorageError,
)
from afgen.media.files import require_readable, sha256_of

ROUNDS: Final = 3  # of asking for new addresses after one was refused
_READ_BYTES: Final = 1 << 18
UPLOADS: Final = "/v1/uploads"

Kind = Literal["portrait", "recording", "manifest"]
Tell = Callable[[int, int], None]  # bytes there, bytes in all


def upload(connection: Connection, path: Path, kind: Kind, tell: Tell) -> Asset:
    """Bring a file to the service, or find it there.

    Raises the error for which the service rejects the file, MediaError if it cannot be read here,
    ServiceUnreachableError if another call would go on from here.
    """
    bytes_ = require_readable(path)
    sha256 = sha256_of(path)
    wish = {"kind": kind, "filename": path.name, "bytes": bytes_}
    key = hashlib.sha256(repr((wish, sha256)).encode()).hexdigest()
    try:
        upload_id = connection.post(UPLOADS, wish, key=key)["id"]
        asset = _finish(connection, path, upload_id, tell)
    except NotFoundError:  # it was there, and has been deleted since
        upload_id = connection.post(UPLOADS, wish)["id"]
        asset = _finish(connection, path, upload_id, tell)
    if asset.error is not None:
        raise error_of(asset.error.code, asset.error.message, hint=asset.error.hint)
    if asset.sha256 != sha256:
        raise InputError(f"{path} changed while it was uploaded.", hint="Try again.")
    return asset


def _finish(connection: Connection, path: Path, upload_id: str, tell: Tell) -> Asset:
    """Send what is missing, and complete the upload unless that was done before."""
    place, refused = f"{UPLOADS}/{upload_id}", 0
    asset = Asset.model_validate(connection.get(f"/v1/assets/{upload_id}"))
    while asset.state == "uploading":
        begun = Upload.model_validate(connection.get(place))
        if not begun.requests:
            return Asset.model_validate(connection.post(f"{place}/complete"))
        try:
            _send(connection, path, begun, tell)
        except ServiceUnreachableError:
            raise
        except (ServiceError, StorageError):  # an address that is over; new ones are made
            refused += 1
            if refused == ROUNDS:
                raise
    tell(asset.bytes, asset.bytes)
    return asset


def _send(connection: Connection, path: Path, upload: Upload, tell: Tell) -> None:
    there = min(len(upload.received) * upload.part_bytes, upload.bytes)
    for piece in upload.requests:
        body = _Body(path, piece, there, upload.bytes, tell)
        headers = {**piece.headers, "Content-Length": str(piece.bytes)}
        connection.send(piece.method, piece.url, headers=headers, content=body)
        there += piece.bytes


@dataclass(frozen=True, slots=True)
class _Body:
    """A piece of a file that can be sent again: every reading begins anew."""

    path: Path
    piece: Piece
    there: int  # bytes of the whole that arrived before
    total: int
    show: Tell  # not `tell`, by which HTTP libraries know files

    def __iter__(self) -> Iterator[bytes]:
        left = self.piece.bytes
        with self.path.open("rb") as file:
            file.seek(self.piece.offset)
            while chunk := file.read(min(_READ_BYTES, left)):
                yield chunk
                left -= len(chunk)
                self.show(self.there + self.piece.bytes - left, self.total)
