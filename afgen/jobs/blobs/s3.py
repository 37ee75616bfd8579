"""Blobs in any store that speaks the S3 protocol.

Only what every such store understands is used: no checksum headers of newer versions of the
protocol (the payload is covered by the request's signature instead), no bulk deletion, addresses in
path style. Presigned addresses are made for `public_endpoint`, where clients reach the store, which
is often not where the service does.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
)
from urllib3.exceptions import HTTPError as URLLib3Error

from afgen.errors import (
    BlobDamagedError,
    BlobExistsError,
    BlobMissingError,
    StorageError,
    StorageRefusedError,
    StorageUnavailableError,
    UploadIncompleteError,
    UploadMissingError,
)
from afgen.jobs.blobs.durable import digested, pieces
from afgen.jobs.blobs.interface import (
    MULTIPART_FROM_BYTES,
    Blob,
    Part,
    Stored,
    attachment,
    content_type_of,
    part_bytes_for,
    require_key,
    require_prefix,
    require_whole,
)

_CHUNK_BYTES: Final = 1 << 20
_MOST_EXPIRY_S: Final = 7 * 24 * 3600  # of presigned addresses with Signature Version 4
_FIRST_REGION: Final = "us-east-1"  # the one that must not be named when a bucket is made
_GET_TRIES: Final = 4
_BEYOND_THE_END: Final = "InvalidRange"
# "404" answers a HEAD request, which has no room for a code; some stores have one code for both.
_MISSING: Final = frozenset({"404", "NoSuchKey", "NoSuchUpload"})
_KINDS: Final[Mapping[str, type[StorageError]]] = {
    "PreconditionFailed": BlobExistsError,
    "ConditionalRequestConflict": BlobExistsError,
    "InvalidPart": UploadIncompleteError,
    "InvalidPartOrder": UploadIncompleteError,
    "EntityTooSmall": UploadIncompleteError,
}
_WORTH_ANOTHER_TRY: Final = frozenset({408, 429})


@dataclass(frozen=True, slots=True)
class S3Place:
    """Which bucket of which store, and how to reach it. No keys: those of the machine's role."""

    bucket: str
    prefix: str = ""
    endpoint: str | None = None  # None is Amazon's
    public_endpoint: str | None = None  # None is the same
    region: str = "us-east-1"
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 30.0
    tries: int = 4


class S3Blobs:
    """Blobs in a bucket, below a prefix of it."""

    def __init__(self, place: S3Place) -> None:
        self._bucket = place.bucket
        self._prefix = f"{place.prefix.strip('/')}/" if place.prefix.strip("/") else ""
        self._client = _client(place, place.endpoint)
        public = place.public_endpoint or place.endpoint
        self._public = self._client if public == place.endpoint else _client(place, public)

    def put_file(self, key: str, source: Path, *, if_absent: bool = False) -> Stored:
        """Store a file's bytes. Raises BlobExistsError if `if_absent` and other bytes are there."""
        with source.open("rb") as file:
            stored = _stored(key, pieces(file))

        def send(condition: Mapping[str, str]) -> None:
            if stored.bytes >= MULTIPART_FROM_BYTES:
                return self._put_in_parts(stored, source, condition)
            with source.open("rb") as file:
                return self._put(key, file, condition)

        return self._store(stored, send, if_absent=if_absent)

    def put_bytes(self, key: str, data: bytes, *, if_absent: bool = False) -> Stored:
        """Store bytes. Raises BlobExistsError if `if_absent` and other bytes are there."""
        stored = _stored(key, [data])
        return self._store(
            stored, lambda condition: self._put(key, data, condition), if_absent=if_absent
        )

    def get(self, key: str, target: Path, *, sha256: str | None = None) -> Blob:
        """Fetch a blob, going on where an earlier try stopped if it is still the same.

        Raises BlobMissingError; BlobDamagedError if the bytes are not those of `sha256`.
        """
        blob = self.head(key)
        version = hashlib.sha256(blob.etag.encode()).hexdigest()[:16]
        fetched = target.with_name(f".{target.name}.{version}.partial")
        for tries_left in reversed(range(_GET_TRIES)):
            try:
                self._append(blob, fetched)
                break
            except StorageUnavailableError:
                if not tries_left:
                    raise
        with fetched.open("rb") as file:
            digest, size = digested(pieces(file))
        if size != blob.bytes or sha256 not in (None, digest):
            fetched.unlink()
            raise BlobDamagedError(f"{key} does not have the bytes that were stored.")
        fetched.replace(target)
        return blob

    def stream(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Bytes `start` to `stop` (not included). Raises BlobMissingError at the first piece."""
        if stop is None or stop > start:
            with _answering(key), self._open(key, start, stop) as (_, chunks):
                yield from chunks

    def head(self, key: str) -> Blob:
        """What is known of a blob. Raises BlobMissingError."""
        with _answering(key):
            answer = self._client.head_object(**self._at(key))
        return Blob(key, answer["ContentLength"], answer["LastModified"], _etag(answer))

    def list_prefix(self, prefix: str) -> Iterator[Blob]:
        """All blobs under `prefix`, sorted by key."""
        asked = {"Bucket": self._bucket, "Prefix": self._prefix + require_prefix(prefix)}
        with _answering(prefix):
            for page in self._client.get_paginator("list_objects_v2").paginate(**asked):
                for found in page.get("Contents", ()):
                    key = found["Key"].removeprefix(self._prefix)
                    yield Blob(key, found["Size"], found["LastModified"], _etag(found))

    def delete(self, key: str) -> None:
        """Delete a blob; it's no error if there is none."""
        with _answering(key), suppress(BlobMissingError):
            self._client.delete_object(**self._at(key))

    def delete_prefix(self, prefix: str) -> int:
        """Delete all blobs under `prefix`, and give how many there were."""
        keys = [blob.key for blob in self.list_prefix(prefix)]
        for key in keys:
            self.delete(key)
        return len(keys)

    def presigned_get(self, key: str, *, expires_s: int, filename: str | None = None) -> str:
        """An address of the store to fetch the blob from."""
        asked = {**self._at(key), "ResponseContentType": content_type_of(key)}
        if filename is not None:
            asked["ResponseContentDisposition"] = attachment(filename)
        return self._presigned("get_object", asked, expires_s)

    def presigned_put(self, key: str, *, expires_s: int, size: int) -> str:
        """An address of the store to PUT exactly `size` bytes to."""
        return self._presigned("put_object", {**self._at(key), "ContentLength": size}, expires_s)

    def begin_upload(self, key: str) -> str:
        """The id of a new upload in parts."""
        with _answering(key):
            answer = self._client.create_multipart_upload(
                **self._at(key), ContentType=content_type_of(key)
            )
        return str(answer["UploadId"])

    def presigned_part(
        self, key: str, upload_id: str, number: int, *, expires_s: int, size: int
    ) -> str:
        """An address of the store to PUT one part of exactly `size` bytes to."""
        asked = {**self._upload(key, upload_id), "PartNumber": number, "ContentLength": size}
        return self._presigned("upload_part", asked, expires_s)

    def list_parts(self, key: str, upload_id: str) -> Sequence[Part]:
        """The parts that have arrived. Raises UploadMissingError."""
        asked = self._upload(key, upload_id)
        with _answering(key, UploadMissingError):
            return [
                Part(found["PartNumber"], found["Size"], _etag(found))
                for page in self._client.get_paginator("list_parts").paginate(**asked)
                for found in page.get("Parts", ())
            ]

    def complete_upload(self, key: str, upload_id: str, parts: Sequence[Part]) -> Blob:
        """Join the parts into the blob. Raises UploadMissingError, UploadIncompleteError."""
        # Some stores forget an upload that could not be completed, so it is tried only when it can.
        require_whole(parts, self.list_parts(key, upload_id))
        self._complete(key, upload_id, parts, {})
        return self.head(key)

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Throw the parts away; it's no error if there is no such upload."""
        with suppress(UploadMissingError), _answering(key, UploadMissingError):
            self._client.abort_multipart_upload(**self._upload(key, upload_id))

    def prepare(self) -> None:
        """Make the bucket if there is none. Raises StorageRefusedError if that isn't allowed."""
        with suppress(BlobMissingError), _answering(self._bucket):
            self._client.head_bucket(Bucket=self._bucket)
            return
        region = self._client.meta.region_name
        elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": region}}
        with _answering(self._bucket):
            self._client.create_bucket(
                Bucket=self._bucket, **({} if region == _FIRST_REGION else elsewhere)
            )

    def check(self) -> None:
        """Return if the bucket can be listed. Raises as every method."""
        with _answering(self._bucket):
            self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1)

    def _store(
        self, stored: Stored, send: Callable[[Mapping[str, str]], None], *, if_absent: bool
    ) -> Stored:
        """Send what is not there yet.

        Stores that know no conditions are asked first; the condition itself settles races, and
        finding one's own bytes means that an earlier answer was lost.
        """
        if not if_absent:
            send({})
        elif not self._is_there(stored):
            try:
                send({"IfNoneMatch": "*"})
            except BlobExistsError:
                if not self._is_there(stored):
                    raise
        return stored

    def _is_there(self, stored: Stored) -> bool:
        """Whether these bytes are stored. Raises BlobExistsError if others are."""
        try:
            found = _stored(stored.key, self.stream(stored.key))
        except BlobMissingError:
            return False
        if found != stored:
            raise BlobExistsError(f"There is a blob {stored.key} already.")
        return True

    def _put(self, key: str, body: Any, condition: Mapping[str, str]) -> None:
        with _answering(key):
            self._client.put_object(
                **self._at(key), Body=body, ContentType=content_type_of(key), **condition
            )

    def _put_in_parts(self, stored: Stored, source: Path, condition: Mapping[str, str]) -> None:
        key, part_bytes = stored.key, part_bytes_for(stored.bytes)
        upload_id = self.begin_upload(key)
        try:
            with _answering(key, UploadMissingError), source.open("rb") as file:
                for number, data in enumerate(iter(partial(file.read, part_bytes), b""), 1):
                    asked = {**self._upload(key, upload_id), "PartNumber": number}
                    self._client.upload_part(**asked, Body=data)
            self._complete(key, upload_id, self.list_parts(key, upload_id), condition)
        except BaseException:
            with suppress(StorageError):
                self.abort_upload(key, upload_id)
            raise

    def _complete(
        self, key: str, upload_id: str, parts: Sequence[Part], condition: Mapping[str, str]
    ) -> None:
        listed = [{"PartNumber": part.number, "ETag": f'"{part.etag}"'} for part in parts]
        try:
            with _answering(key, UploadMissingError):
                self._client.complete_multipart_upload(
                    **self._upload(key, upload_id), MultipartUpload={"Parts": listed}, **condition
                )
        except UploadMissingError:  # gone because it is done, if an earlier answer was lost
            with suppress(BlobMissingError):
                if self.head(key).bytes == sum(part.bytes for part in parts):
                    return
            raise

    def _append(self, blob: Blob, path: Path) -> None:
        """Fetch what `path` lacks of a blob."""
        there = path.stat().st_size if path.exists() else 0
        if 0 < there == blob.bytes:
            return
        opened = self._open(blob.key, there, None)
        with _answering(blob.key), path.open("ab") as file, opened as (etag, chunks):
            if etag != blob.etag:
                raise StorageUnavailableError(f"{blob.key} was replaced while it was fetched.")
            for chunk in chunks:
                file.write(chunk)

    @contextmanager
    def _open(
        self, key: str, start: int, stop: int | None
    ) -> Iterator[tuple[str | None, Iterator[bytes]]]:
        """The etag and the bytes of a range; none of both if it begins at or after the end."""
        asked = self._at(key)
        if start or stop is not None:
            asked["Range"] = f"bytes={start}-{'' if stop is None else stop - 1}"
        try:
            answer = self._client.get_object(**asked)
        except ClientError as error:
            if error.response["Error"]["Code"] != _BEYOND_THE_END:
                raise
            yield None, iter(())
            return
        with closing(answer["Body"]) as body:
            if "Range" in asked and "ContentRange" not in answer:
                raise StorageRefusedError("The store does not know ranges.")
            yield _etag(answer), body.iter_chunks(_CHUNK_BYTES)

    def _presigned(self, operation: str, asked: Mapping[str, Any], expires_s: int) -> str:
        url = self._public.generate_presigned_url(
            operation, Params=asked, ExpiresIn=min(expires_s, _MOST_EXPIRY_S)
        )
        return str(url)

    def _at(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": self._prefix + require_key(key)}

    def _upload(self, key: str, upload_id: str) -> dict[str, Any]:
        return {**self._at(key), "UploadId": upload_id}


@contextmanager
def _answering(what: str, missing: type[StorageError] = BlobMissingError) -> Iterator[None]:
    """Turn the errors of the client library into those of a store."""
    try:
        yield
    except ClientError as error:
        raise _kind_of(error, missing)(f"{what}: {error}") from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise StorageRefusedError(f"{what}: {error}") from error
    except (BotoCoreError, URLLib3Error) as error:
        raise StorageUnavailableError(f"{what}: {error}") from error


def _kind_of(error: ClientError, missing: type[StorageError]) -> type[StorageError]:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _WORTH_ANOTHER_TRY:
        return StorageUnavailableError
    if code in _MISSING:
        return missing
    return _KINDS.get(code, StorageRefusedError)


def _client(place: S3Place, endpoint: str | None) -> Any:
    config = Config(
        signature_version="s3v4",
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        connect_timeout=place.connect_timeout_s,
        read_timeout=place.read_timeout_s,
        retries={"mode": "standard", "total_max_attempts": place.tries},
        s3={"addressing_style": "path", "payload_signing_enabled": True},
    )
    return boto3.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=place.region,
        aws_access_key_id=place.access_key,
        aws_secret_access_key=place.secret_key,
        config=config,
    )


def _stored(key: str, chunks: Iterable[bytes]) -> Stored:
    digest, size = digested(chunks)
    return Stored(key, size, digest)


def _etag(answer: Mapping[str, Any]) -> str:
    return str(answer["ETag"]).strip('"')
