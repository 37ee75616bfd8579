"""Blobs in a folder of this machine: for `afgen up`, for tests, and for one-machine services.

    blobs/<key>            the bytes
    uploads/<id>/key       an upload in parts, and what it is to become
    uploads/<id>/00001     its first part
    arriving/              what is being written; a crash leaves files here and nowhere else

A file is written whole, synced to the disk, and then takes its name, so that no reader ever sees a
part of it, not even after a power cut.
"""

import errno
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from os import stat_result, walk
from pathlib import Path
from typing import BinaryIO, Final

from afgen.errors import (
    BlobDamagedError,
    BlobExistsError,
    BlobKeyError,
    BlobMissingError,
    BlobTooLargeError,
    StorageError,
    StorageRefusedError,
    StorageUnavailableError,
    UploadIncompleteError,
    UploadMissingError,
)
from afgen.jobs.blobs.durable import (
    digested,
    joined,
    pieces,
    prune,
    sync,
    take_name,
    take_name_in_new_folder,
    written,
)
from afgen.jobs.blobs.interface import (
    Blob,
    Part,
    Stored,
    require_key,
    require_prefix,
    require_whole,
)
from afgen.jobs.blobs.links import Grant, Links

_UPLOAD_ID: Final = re.compile(r"[0-9a-f]{32}")
_CLOSED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_LEFT_BEHIND_S: Final = 24 * 3600  # nothing is written for so long: a crash left it
_FORGOTTEN_S: Final = 30 * 24 * 3600  # an upload without a row: the rows' own end earlier


class LocalBlobs:
    """Blobs under `root`. `links` signs the addresses that the API answers."""

    def __init__(self, root: Path, links: Links) -> None:
        self.links = links
        self._blobs = root / "blobs"
        self._uploads = root / "uploads"
        self._arriving = root / "arriving"
        self.prepare()

    def put_file(self, key: str, source: Path, *, if_absent: bool = False) -> Stored:
        """Store a file's bytes. Raises BlobExistsError if `if_absent` and other bytes are there."""
        with source.open("rb") as file:
            return self._put(key, pieces(file), if_absent=if_absent)

    def put_bytes(self, key: str, data: bytes, *, if_absent: bool = False) -> Stored:
        """Store bytes. Raises BlobExistsError if `if_absent` and other bytes are there."""
        return self._put(key, [data], if_absent=if_absent)

    def get(self, key: str, target: Path, *, sha256: str | None = None) -> Blob:
        """Copy a blob. Raises BlobMissingError; BlobDamagedError if `sha256` is of other bytes."""
        blob = self.head(key)
        partial = target.with_name(f".{target.name}.partial")
        try:
            with partial.open("wb") as file:
                digest, _ = digested(written(file, self.stream(key)))
            if sha256 not in (None, digest):
                raise BlobDamagedError(f"{key} does not have the bytes that were stored.")
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        return blob

    def stream(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Bytes `start` to `stop` (not included). Raises BlobMissingError at the first piece."""
        with _answering(key, BlobMissingError), self.path_of(key).open("rb") as file:
            file.seek(start)
            yield from pieces(file, None if stop is None else max(0, stop - start))

    def head(self, key: str) -> Blob:
        """What is known of a blob. Raises BlobMissingError."""
        with _answering(key, BlobMissingError):
            return _blob(key, self.path_of(key).stat())

    def list_prefix(self, prefix: str) -> Iterator[Blob]:
        """All blobs under `prefix`, sorted by key."""
        folder = self._blobs / require_prefix(prefix)
        paths = (Path(at, name) for at, _, names in walk(folder) for name in names)
        for key in sorted(path.relative_to(self._blobs).as_posix() for path in paths):
            try:
                yield self.head(key)
            except BlobMissingError:  # deleted since the folder was read
                continue

    def delete(self, key: str) -> None:
        """Delete a blob, and the folders that it leaves empty."""
        path = self._place_of(key)
        with _answering(key):
            try:
                path.unlink()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return
        prune(path.parent, self._blobs)

    def delete_prefix(self, prefix: str) -> int:
        """Delete all blobs under `prefix`, and give how many there were."""
        keys = [blob.key for blob in self.list_prefix(prefix)]
        for key in keys:
            self.delete(key)
        return len(keys)

    def presigned_get(self, key: str, *, expires_s: int, filename: str | None = None) -> str:
        """An address of the API to fetch the blob from."""
        expires_at = self.links.expiry(expires_s)
        return self.links.sign(Grant("GET", require_key(key), expires_at, filename=filename))

    def presigned_put(self, key: str, *, expires_s: int, size: int) -> str:
        """An address of the API to PUT exactly `size` bytes to."""
        expires_at = self.links.expiry(expires_s)
        return self.links.sign(Grant("PUT", require_key(key), expires_at, size=size))

    def begin_upload(self, key: str) -> str:
        """The id of a new upload in parts."""
        upload_id = secrets.token_hex(16)
        with _answering(key):
            folder = self._uploads / upload_id
            folder.mkdir()
            (folder / "key").write_text(require_key(key), "utf-8")
        return upload_id

    def presigned_part(
        self, key: str, upload_id: str, number: int, *, expires_s: int, size: int
    ) -> str:
        """An address of the API to PUT one part of exactly `size` bytes to."""
        expires_at = self.links.expiry(expires_s)
        return self.links.sign(
            Grant("PUT", key, expires_at, size=size, upload_id=upload_id, number=number)
        )

    def list_parts(self, key: str, upload_id: str) -> Sequence[Part]:
        """The parts that have arrived. Raises UploadMissingError."""
        folder = self._upload_folder(key, upload_id)
        with _answering(key):
            return [_part(path) for path in sorted(folder.glob("[0-9]*"))]

    def complete_upload(self, key: str, upload_id: str, parts: Sequence[Part]) -> Blob:
        """Join the parts into the blob. Raises UploadMissingError, UploadIncompleteError."""
        require_whole(parts, self.list_parts(key, upload_id))
        folder = self._upload_folder(key, upload_id)
        with _answering(key):
            self._put(key, joined(_part_path(folder, part.number) for part in parts))
            shutil.rmtree(folder, ignore_errors=True)
        return self.head(key)

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Throw the parts away."""
        with suppress(UploadMissingError):
            shutil.rmtree(self._upload_folder(key, upload_id), ignore_errors=True)

    def prepare(self) -> None:
        """Make the folders, and remove what crashes left in them."""
        with _answering("The store's folder"):
            for folder in (self._blobs, self._uploads, self._arriving):
                folder.mkdir(parents=True, exist_ok=True)
            _sweep(self._arriving, _LEFT_BEHIND_S)
            _sweep(self._uploads, _FORGOTTEN_S)

    def check(self) -> None:
        """Return if a file can be written. Raises StorageUnavailableError, StorageRefusedError."""
        with self._arrival() as path:
            path.write_bytes(b"")

    def path_of(self, key: str) -> Path:
        """The file that holds a blob, to be read only. Raises BlobMissingError."""
        path = self._place_of(key)
        if not path.is_file():
            raise BlobMissingError(f"There is no blob {key}.")
        return path

    @contextmanager
    def receiving(self, grant: Grant) -> Iterator[Callable[[bytes], object]]:
        """Take what is sent to a signed address: the block calls what it is given, piece by piece.

        What has arrived counts when the block ends well and it is as long as was granted.

        Raises:
            BlobTooLargeError: at the piece that is too much.
            UploadIncompleteError: fewer bytes than granted.
            UploadMissingError: the upload of this part was completed or aborted.
        """
        with self._arrival(UploadMissingError) as path:
            with path.open("wb") as file:
                yield _bounded(file, grant.size or 0)
                if file.tell() != grant.size:
                    raise UploadIncompleteError(f"{file.tell()} of {grant.size} bytes arrived.")
                sync(file)
            if grant.upload_id is None:
                take_name_in_new_folder(path, self._place_of(grant.key))
            else:
                folder = self._upload_folder(grant.key, grant.upload_id)
                take_name(path, _part_path(folder, grant.number or 0))

    def _put(self, key: str, chunks: Iterable[bytes], *, if_absent: bool = False) -> Stored:
        target = self._place_of(key)
        with self._arrival() as path:
            with path.open("wb") as file:
                digest, size = digested(written(file, chunks))
                sync(file)
            try:
                take_name_in_new_folder(path, target, if_absent=if_absent)
            except FileExistsError:
                if digested(self.stream(key)) != (digest, size):
                    raise BlobExistsError(f"There is a blob {key} already.") from None
        return Stored(key, size, digest)

    @contextmanager
    def _arrival(self, missing: type[StorageError] = StorageUnavailableError) -> Iterator[Path]:
        """The name of a file to write; what still bears it at the end is removed."""
        path = self._arriving / secrets.token_hex(16)
        try:
            with _answering("The store's folder", missing):
                yield path
        finally:
            path.unlink(missing_ok=True)

    def _place_of(self, key: str) -> Path:
        return self._blobs / require_key(key)

    def _upload_folder(self, key: str, upload_id: str) -> Path:
        folder = self._uploads / upload_id
        if _UPLOAD_ID.fullmatch(upload_id):
            with suppress(FileNotFoundError):
                if (folder / "key").read_text("utf-8") == key:
                    return folder
        raise UploadMissingError(f"There is no upload {upload_id[:40]!r} to {key}.")


@contextmanager
def _answering(what: str, missing: type[StorageError] = StorageUnavailableError) -> Iterator[None]:
    """Turn the system's errors into those of a store; `missing` is what a missing file means."""
    try:
        yield
    except FileNotFoundError as error:
        raise missing(f"{what}: not there.") from error
    except (NotADirectoryError, IsADirectoryError) as error:
        raise BlobKeyError(f"{what}: a key cannot be a folder of another.") from error
    except OSError as error:
        kind = StorageRefusedError if error.errno in _CLOSED else StorageUnavailableError
        raise kind(f"{what}: {error.strerror or error}.") from error


def _sweep(folder: Path, age_s: float) -> None:
    """Remove files and folders that crashes left behind."""
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # finished, or removed by another process
            if time.time() - path.stat().st_mtime <= age_s:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def _bounded(file: BinaryIO, most: int) -> Callable[[bytes], object]:
    def write(piece: bytes) -> None:
        if file.tell() + len(piece) > most:
            raise BlobTooLargeError(f"More than the announced {most} bytes were sent.")
        file.write(piece)

    return write


def _etag(status: stat_result) -> str:
    """Every write makes a new file, so a file's number and time are those of its bytes."""
    return f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"


def _blob(key: str, status: stat_result) -> Blob:
    return Blob(key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC), _etag(status))


def _part_path(folder: Path, number: int) -> Path:
    return folder / f"{number:05d}"


def _part(path: Path) -> Part:
    status = path.stat()
    return Part(int(path.name), status.st_size, _etag(status))
