"""What the service asks of a place for files: a local folder and any S3 store answer alike.

Keys are paths of plain names, such as `inputs/ten_1/ast_2/recording.mp4`, and none is a folder of
another; a prefix is a folder of them and ends with a slash. The media type of a blob follows from
the ending of its key, so no store has to remember it. Rows of the database hold the SHA-256 of what
counts: `put_*` returns it, `get` checks it. Every method may raise `StorageUnavailableError` (worth
another try) and `StorageRefusedError` (credentials or bucket are wrong).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import quote

from afgen.errors import BlobKeyError, BlobTooLargeError, UploadIncompleteError

LEAST_PART_BYTES: Final = 5 << 20  # Amazon S3, "Multipart upload limits": all parts but the last
MOST_PARTS: Final = 10_000  # the same page
PART_BYTES: Final = 16 << 20  # a lost connection costs seconds, not minutes
MULTIPART_FROM_BYTES: Final = 64 << 20
_KEY: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_MOST_KEY_BYTES: Final = 512
_TYPES: Final = {
    "csv": "text/csv",
    "flac": "audio/flac",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "m4a": "audio/mp4",
    "mkv": "video/x-matroska",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "ogg": "audio/ogg",
    "png": "image/png",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webp": "image/webp",
}


@dataclass(frozen=True, slots=True)
class Stored:
    """What a `put_*` has written."""

    key: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Blob:
    """What a store knows of a blob. `etag` changes whenever the bytes do."""

    key: str
    bytes: int
    modified_at: datetime
    etag: str


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an upload that has arrived; `number` counts from 1."""

    number: int
    bytes: int
    etag: str


class Blobs(Protocol):
    """A store of files. Writes appear whole or not at all; safe to share among threads."""

    def put_file(self, key: str, source: Path, *, if_absent: bool = False) -> Stored:
        """Store a file's bytes, in place of what was there unless `if_absent`.

        Raises BlobExistsError if `if_absent` and other bytes are there; the same bytes are no
        error, for they may be those of an earlier try whose answer was lost.
        """

    def put_bytes(self, key: str, data: bytes, *, if_absent: bool = False) -> Stored:
        """Store bytes; see `put_file`."""

    def get(self, key: str, target: Path, *, sha256: str | None = None) -> Blob:
        """Fetch a blob into a file, which appears whole or not at all.

        What has arrived before a failure lies beside `target`; the next call goes on from there
        if the blob is still the same.

        Raises BlobMissingError; BlobDamagedError if the bytes are not those of `sha256`.
        """

    def stream(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Bytes `start` to `stop` (not included) piece by piece; beyond the end there are none.

        Raises BlobMissingError at the first piece.
        """

    def head(self, key: str) -> Blob:
        """What is known of a blob. Raises BlobMissingError."""

    def list_prefix(self, prefix: str) -> Iterator[Blob]:
        """All blobs under `prefix`, sorted by key."""

    def delete(self, key: str) -> None:
        """Delete a blob; it's no error if there is none."""

    def delete_prefix(self, prefix: str) -> int:
        """Delete all blobs under `prefix`, and give how many there were."""

    def presigned_get(self, key: str, *, expires_s: int, filename: str | None = None) -> str:
        """An address to fetch the blob from, saved as `filename` by a browser if one is given."""

    def presigned_put(self, key: str, *, expires_s: int, size: int) -> str:
        """An address to PUT exactly `size` bytes to, which are then the blob."""

    def begin_upload(self, key: str) -> str:
        """The id of a new upload in parts. Nothing is at `key` until it is completed."""

    def presigned_part(
        self, key: str, upload_id: str, number: int, *, expires_s: int, size: int
    ) -> str:
        """An address to PUT one part of exactly `size` bytes to; sent again, it is replaced."""

    def list_parts(self, key: str, upload_id: str) -> Sequence[Part]:
        """The parts that have arrived, by number. Raises UploadMissingError."""

    def complete_upload(self, key: str, upload_id: str, parts: Sequence[Part]) -> Blob:
        """Join the parts in this order into the blob, and forget the upload.

        Raises UploadMissingError; UploadIncompleteError if a part isn't there, is another one, or
        is smaller than `LEAST_PART_BYTES` without being the last.
        """

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Throw the parts away; it's no error if there is no such upload."""

    def prepare(self) -> None:
        """Make the folder or the bucket itself if there is none yet."""

    def check(self) -> None:
        """Return if the store answers; for readiness probes."""


def part_bytes_for(size: int) -> int:
    """Length of all parts but the last for an upload of `size` bytes, in whole mebibytes."""
    mebibytes = -(-size // (MOST_PARTS << 20))
    return max(PART_BYTES, mebibytes << 20)


def read_bytes(blobs: Blobs, key: str, *, limit_bytes: int) -> bytes:
    """A small blob at once. Raises BlobMissingError; BlobTooLargeError above `limit_bytes`."""
    data = b"".join(blobs.stream(key, 0, limit_bytes + 1))
    if len(data) > limit_bytes:
        raise BlobTooLargeError(f"{key} has more than {limit_bytes} bytes.")
    return data


def content_type_of(key: str) -> str:
    """The media type that the ending of a key stands for."""
    return _TYPES.get(key.rpartition(".")[2].lower(), "application/octet-stream")


def attachment(filename: str) -> str:
    """A Content-Disposition that saves under any name (RFC 6266, section 4.1; RFC 8187)."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def require_key(key: str) -> str:
    """The key, if it is one. Raises BlobKeyError."""
    if len(key) > _MOST_KEY_BYTES or not _KEY.fullmatch(key):
        raise BlobKeyError(f"{key[:80]!r} is not the key of a blob.")
    return key


def require_prefix(prefix: str) -> str:
    """The prefix, if it is one. Raises BlobKeyError."""
    if not prefix.endswith("/"):
        raise BlobKeyError(f"{prefix[:80]!r} does not end with a slash.")
    require_key(prefix[:-1])
    return prefix


def require_whole(parts: Sequence[Part], arrived: Sequence[Part]) -> None:
    """Check that parts can be joined. Raises UploadIncompleteError; see `complete_upload`."""
    there = {part.number: part for part in arrived}
    numbers = [part.number for part in parts]
    if not parts or numbers != sorted(set(numbers)):
        raise UploadIncompleteError("Parts are joined in the order of their numbers.")
    for part in parts:
        if there.get(part.number) != part:
            raise UploadIncompleteError(f"Part {part.number} has not arrived, or is another one.")
    if any(part.bytes < LEAST_PART_BYTES for part in parts[:-1]):
        raise UploadIncompleteError(f"Only the last part may be under {LEAST_PART_BYTES} bytes.")
