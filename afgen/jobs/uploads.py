"""Files on their way in: begun, sent piece by piece to the store itself, looked into, kept.

A piece goes straight from the client to the store, by an address that is signed for it alone. What
has arrived is what the store says, so a client that lost its connection, or its memory, goes on
with what is missing.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from afgen.errors import (
    AfgenError,
    BlobMissingError,
    InputError,
    MediaTooLargeError,
    UploadIncompleteError,
    UploadMissingError,
)
from afgen.jobs.blobs.interface import (
    MULTIPART_FROM_BYTES,
    Blobs,
    content_type_of,
    part_bytes_for,
)
from afgen.jobs.blobs.layout import input_key
from afgen.jobs.blobs.local import LocalBlobs
from afgen.jobs.facts import AssetKind, Facts
from afgen.jobs.manifest import read_items
from afgen.jobs.preflight import Examiner
from afgen.jobs.settings import ServiceSettings
from afgen.jobs.store import Store
from afgen.jobs.store.assets import READY, REJECTED, NewAsset
from afgen.jobs.store.leases import error_record
from afgen.jobs.tables import Asset
from afgen.media.files import sha256_of

MOST_AT_ONCE = 100  # pieces that are told of: signing them takes time
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}")


@dataclass(frozen=True, slots=True)
class Announced:
    """A file as its owner announces it."""

    kind: AssetKind
    filename: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a file that is still to be sent, and the address to PUT it to."""

    number: int
    offset: int
    bytes: int
    url: str


@dataclass(frozen=True, slots=True)
class Upload:
    """How far an upload is. `missing` are the first MOST_AT_ONCE of the missing pieces."""

    asset: Asset
    part_bytes: int
    received: tuple[int, ...]
    missing: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Uploads:
    """What uploads need."""

    store: Store
    blobs: Blobs
    examiner: Examiner
    settings: ServiceSettings

    def begin(self, tenant_id: str, asset_id: str, file: Announced, most_bytes: float) -> Asset:
        """Begin an upload; with the id of one that was begun, it is that one.

        `most_bytes` is what the tenant may have stored. Raises MediaTooLargeError, QuotaError.
        """
        if file.bytes > self.settings.max_asset_bytes:
            raise MediaTooLargeError(
                f"{file.filename} has {file.bytes} bytes; {self.settings.max_asset_bytes} may be."
            )
        key = input_key(tenant_id, asset_id, f"{file.kind}{_ending(file.filename)}")
        upload_id = self.blobs.begin_upload(key) if file.bytes > MULTIPART_FROM_BYTES else None
        asset = self.store.assets.create(
            tenant_id,
            NewAsset(
                id=asset_id,
                kind=file.kind,
                filename=file.filename,
                content_type=content_type_of(key),
                bytes=file.bytes,
                blob_key=key,
                keep=timedelta(hours=self.settings.keep_uploads_h),
                upload={"upload_id": upload_id, "part_bytes": part_bytes_for(file.bytes)},
            ),
            most_bytes,
        )
        if upload_id is not None and _upload_id(asset) != upload_id:
            self.blobs.abort_upload(key, upload_id)  # it had been begun before
        return asset

    def look(self, asset: Asset) -> Upload:
        """How far an upload is. Raises UploadMissingError."""
        upload_id, size = _upload_id(asset), _part_bytes(asset)
        if upload_id is None:
            arrived = {1: self._bytes_there(asset)}
            size = asset.bytes
        else:
            parts = self.blobs.list_parts(asset.blob_key, upload_id)
            arrived = {part.number: part.bytes for part in parts}
        pieces = [(n + 1, at, min(size, asset.bytes - at)) for n, at in _cut(asset.bytes, size)]
        received = tuple(n for n, _, length in pieces if arrived.get(n) == length)
        missing = [piece for piece in pieces if piece[0] not in received][:MOST_AT_ONCE]
        told = (Piece(n, at, length, self._url(asset, n, length)) for n, at, length in missing)
        return Upload(asset, size, received, tuple(told))

    def complete(self, tenant_id: str, asset_id: str) -> Asset:
        """Join the pieces and look into the file. Doing it again changes nothing.

        Raises:
            UploadIncompleteError: pieces are missing, or of other lengths.
            InputError: the file cannot be used; it is rejected and its bytes are gone.
        """
        asset = self.store.assets.get(tenant_id, asset_id)
        if asset.state == READY:
            return asset
        if asset.state == REJECTED:
            raise UploadMissingError(f"The upload {asset_id} was rejected.")
        self._join(asset)
        if self._bytes_there(asset) != asset.bytes:
            raise UploadIncompleteError(
                f"{self._bytes_there(asset) or 0} of {asset.bytes} bytes are there."
            )
        return self._settle(asset)

    def put(
        self, tenant_id: str, asset_id: str, file: Announced, source: Path, most: float
    ) -> Asset:
        """A small file at once. Raises as `begin` and `complete`."""
        asset = self.begin(tenant_id, asset_id, file, most)
        if asset.state == READY:
            return asset
        self.blobs.put_file(asset.blob_key, source)
        return self._settle(asset)

    def abort(self, asset: Asset) -> None:
        """Delete a file, or throw away what has arrived of it."""
        self.store.assets.delete(asset.tenant_id, asset.id)
        if (upload_id := _upload_id(asset)) is not None:
            self.blobs.abort_upload(asset.blob_key, upload_id)
        self.blobs.delete(asset.blob_key)

    def _join(self, asset: Asset) -> None:
        if (upload_id := _upload_id(asset)) is None:
            return
        with suppress(UploadMissingError):  # joined before, when this was broken off
            parts = self.blobs.list_parts(asset.blob_key, upload_id)
            if sum(part.bytes for part in parts) != asset.bytes:
                raise UploadIncompleteError(f"{len(parts)} pieces are there; some are missing.")
            self.blobs.complete_upload(asset.blob_key, upload_id, parts)

    def _settle(self, asset: Asset) -> Asset:
        try:
            with _at_hand(self.blobs, asset) as path:
                facts = self._examine(asset, path)
                sha256 = sha256_of(path)
        except InputError as error:
            if not error.retryable:
                self._reject(asset, error)
            raise
        return self.store.assets.complete(
            asset.tenant_id,
            asset.id,
            bytes=asset.bytes,
            sha256=sha256,
            facts=facts.model_dump(mode="json", exclude_none=True),
            keep=self.settings.keep_inputs,
        )

    def _reject(self, asset: Asset, error: AfgenError) -> None:
        keep = self.settings.keep_inputs
        self.store.assets.reject(asset.tenant_id, asset.id, error_record(error), keep)
        self.blobs.delete(asset.blob_key)

    def _examine(self, asset: Asset, path: Path) -> Facts:
        kind = AssetKind(asset.kind)
        if kind is AssetKind.MANIFEST:
            return Facts(items=len(read_items(path.read_bytes(), self.settings.max_batch_items)))
        return self.examiner.examine(kind, path)

    def _bytes_there(self, asset: Asset) -> int | None:
        try:
            return self.blobs.head(asset.blob_key).bytes
        except BlobMissingError:
            return None

    def _url(self, asset: Asset, number: int, length: int) -> str:
        upload_id, expires_s = _upload_id(asset), int(self.settings.keep_uploads_h * 3600)
        key = asset.blob_key
        if upload_id is None:
            return self.blobs.presigned_put(key, expires_s=expires_s, size=length)
        return self.blobs.presigned_part(key, upload_id, number, expires_s=expires_s, size=length)


@contextmanager
def _at_hand(blobs: Blobs, asset: Asset) -> Iterator[Path]:
    """The file as one of this machine."""
    if isinstance(blobs, LocalBlobs):
        yield blobs.path_of(asset.blob_key)
        return
    with TemporaryDirectory(prefix="afgen-upload-") as folder:
        path = Path(folder) / "file"
        blobs.get(asset.blob_key, path)
        yield path


def _cut(size: int, part_bytes: int) -> Iterator[tuple[int, int]]:
    """Number from 0 and offset of each piece."""
    return enumerate(range(0, size, part_bytes))


def _upload_id(asset: Asset) -> str | None:
    return (asset.upload or {}).get("upload_id")


def _part_bytes(asset: Asset) -> int:
    return int((asset.upload or {}).get("part_bytes", asset.bytes))


def _ending(filename: str) -> str:
    """The ending of a name, as far as it fits into a key."""
    ending = PurePosixPath(filename).suffix.lower()
    return ending if _ENDING.fullmatch(ending) else ""
