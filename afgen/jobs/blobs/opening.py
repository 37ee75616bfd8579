"""The store of files that the settings name."""

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

from pydantic import SecretStr

from afgen.jobs.blobs.interface import Blobs
from afgen.jobs.blobs.links import Links
from afgen.jobs.blobs.local import LocalBlobs
from afgen.jobs.blobs.s3 import S3Blobs, S3Place
from afgen.jobs.settings import ServiceSettings


def open_blobs(
    settings: ServiceSettings, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Blobs:
    """The store at `storage_url`; `clock` decides when addresses of a local one expire.

    Nothing is asked of an S3 store yet: see `Blobs.check`.

    Raises:
        StorageUnavailableError, StorageRefusedError: a local folder cannot be made.
    """
    folder = settings.storage_folder
    if folder is not None:
        secret = settings.secret_key.get_secret_value()
        return LocalBlobs(folder, Links(settings.public_url, secret, clock))
    address = urlsplit(settings.storage_url)
    return S3Blobs(
        S3Place(
            bucket=address.netloc,
            prefix=address.path,
            endpoint=settings.s3_endpoint,
            public_endpoint=settings.s3_public_endpoint,
            region=settings.s3_region,
            access_key=_plain(settings.s3_access_key),
            secret_key=_plain(settings.s3_secret_key),
        )
    )


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
