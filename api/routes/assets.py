"""Files that have arrived."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, File, Form, Query, Request, Response, UploadFile
from fastapi.responses import RedirectResponse

from afgen.errors import (
    AssetInUseError,
    AssetNotReadyError,
    CorruptMediaError,
    CursorError,
    EmptyFileError,
    IdempotencyBusyError,
    IdempotencyMismatchError,
    MediaTooLargeError,
    NoFaceError,
    NotFoundError,
    QuotaError,
)
from afgen.jobs.facts import AssetKind, Facts
from afgen.jobs.ids import Kind
from afgen.jobs.tables import Asset
from afgen.jobs.uploads import Announced
from afgen.media.files import sha256_of
from api.deps import KEY_HEADER, Caller, Once, Parts, Reader, Services, Writer
from api.openapi import FOUND_ELSEWHERE, refusals
from api.pagination import Cursor, Limit, paged
from api.schemas.assets import AssetOut
from api.schemas.common import AssetId, ErrorOut, Page
from api.slow import InSlowThread

router = APIRouter(prefix="/v1/assets", tags=["assets"])

LINK_S = 900  # an address is for now; another is to be had
State = Annotated[
    Literal["uploading", "ready", "rejected"] | None, Query(description="only those in this state")
]


async def once_of_form(
    request: Request, parts: Parts, who: Writer, key: Annotated[str | None, KEY_HEADER] = None
) -> Once:
    """For a form: its body has been read already, and is told apart by the file's own hash."""
    return Once(parts, who, key, request, "")


@router.post(
    "",
    name="upload",
    status_code=201,
    summary="Upload a small file at once",
    response_model=AssetOut,
    responses=refusals(
        CorruptMediaError,
        EmptyFileError,
        NoFaceError,
        MediaTooLargeError,
        QuotaError,
        IdempotencyBusyError,
        IdempotencyMismatchError,
    ),
)
async def put(
    parts: Parts,
    who: Writer,
    slowly: InSlowThread,
    once: Annotated[Once, Depends(once_of_form)],
    kind: Annotated[
        AssetKind, Form(description="what the file is to be used as", examples=["recording"])
    ],
    file: Annotated[UploadFile, File(description="the file", examples=["(its bytes)"])],
) -> Response:
    """A multipart form with the file itself; larger files are begun at `/v1/uploads`."""
    return await slowly(lambda: _put(parts, who, once, kind, file))


def _put(parts: Services, who: Caller, once: Once, kind: AssetKind, file: UploadFile) -> Response:
    with TemporaryDirectory(prefix="afgen-form-") as folder:
        path = Path(folder) / "file"
        with path.open("wb") as copy:
            shutil.copyfileobj(file.file, copy)
        announced = Announced(kind, (file.filename or "file")[-255:], path.stat().st_size)
        digest = f"{sha256_of(path)} {kind} {announced.filename}"

        def make(asset_id: str) -> AssetOut:
            most = who.quotas.stored_bytes
            return told(parts.uploads.put(who.tenant_id, asset_id, announced, path, most))

        return once.make(Kind.ASSET, make, digest)


@router.get("", name="list", summary="List assets", responses=refusals(CursorError))
def several(
    parts: Parts, who: Reader, state: State = None, cursor: Cursor = None, limit: Limit = 50
) -> Page[AssetOut]:
    """The newest first, without those that were deleted."""
    return paged(
        parts.cursors,
        (who.tenant_id, "assets", state),
        cursor,
        limit,
        lambda after, most: parts.store.assets.list(
            who.tenant_id, state=state, after=after, limit=most
        ),
        told,
    )


@router.get("/{asset_id}", name="get", summary="Get an asset", responses=refusals(NotFoundError))
def one(parts: Parts, who: Reader, asset_id: AssetId) -> AssetOut:
    """What a file is, and what was found in it."""
    return told(parts.store.assets.get(who.tenant_id, asset_id))


@router.delete(
    "/{asset_id}",
    status_code=204,
    summary="Delete an asset",
    responses=refusals(NotFoundError, AssetInUseError),
)
def delete(parts: Parts, who: Writer, asset_id: AssetId) -> None:
    """Delete a file that no job needs any more."""
    parts.uploads.abort(parts.store.assets.get(who.tenant_id, asset_id))


@router.get(
    "/{asset_id}/content",
    status_code=307,
    summary="Download an asset",
    response_class=RedirectResponse,
    responses=FOUND_ELSEWHERE | refusals(NotFoundError, AssetNotReadyError),
)
def content(parts: Parts, who: Reader, asset_id: AssetId) -> str:
    """Redirects to the bytes, at an address that is good for some minutes."""
    asset = parts.store.assets.get(who.tenant_id, asset_id)
    if asset.state != "ready":
        raise AssetNotReadyError(f"The upload is {asset.state}.")
    return parts.blobs.presigned_get(asset.blob_key, expires_s=LINK_S, filename=asset.filename)


def told(asset: Asset) -> AssetOut:
    """An asset as it goes over the wire."""
    return AssetOut(
        id=asset.id,
        state=asset.state,
        kind=AssetKind(asset.kind),
        filename=asset.filename,
        content_type=asset.content_type,
        bytes=asset.bytes,
        sha256=asset.sha256,
        facts=None if asset.facts is None else Facts.model_validate(asset.facts),
        error=ErrorOut.of(asset.error),
        created_at=asset.created_at,
        expires_at=asset.expires_at,
    )
