"""Files on their way in, straight to the store."""

from fastapi import APIRouter, Response

from afgen.errors import (
    AssetNotReadyError,
    ConflictError,
    CorruptMediaError,
    IdempotencyBusyError,
    IdempotencyMismatchError,
    MediaTooLargeError,
    NoFaceError,
    NotFoundError,
    QuotaError,
    UploadIncompleteError,
    UploadMissingError,
)
from afgen.jobs.ids import Kind
from afgen.jobs.tables import Asset
from afgen.jobs.uploads import Announced, Upload
from api.deps import OnceOfBody, Parts, Reader, Writer
from api.openapi import refusals
from api.routes.assets import told as asset_told
from api.schemas.assets import AssetOut, UploadIn, UploadOut, UploadRequest
from api.schemas.common import AssetId
from api.slow import InSlowThread

router = APIRouter(prefix="/v1/uploads", tags=["uploads"])


@router.post(
    "",
    status_code=201,
    summary="Begin an upload",
    response_model=UploadOut,
    responses=refusals(
        MediaTooLargeError, QuotaError, IdempotencyBusyError, IdempotencyMismatchError
    ),
)
def begin(parts: Parts, who: Writer, once: OnceOfBody, body: UploadIn) -> Response:
    """Announce a file, and get the addresses to send its pieces to.

    Files above 64 MiB are sent in pieces that may go at once, in any order, and again.
    """
    file = Announced(body.kind, body.filename, body.bytes)

    def make(asset_id: str) -> UploadOut:
        most = who.quotas.stored_bytes
        return told(parts.uploads.look(parts.uploads.begin(who.tenant_id, asset_id, file, most)))

    return once.make(Kind.ASSET, make)


@router.get(
    "/{asset_id}",
    name="get",
    summary="See what is missing",
    responses=refusals(NotFoundError, AssetNotReadyError, UploadMissingError),
)
def look(parts: Parts, who: Reader, asset_id: AssetId) -> UploadOut:
    """What has arrived of a file, and fresh addresses for what has not: to go on after a break."""
    return told(parts.uploads.look(_under_way(parts.store.assets.get(who.tenant_id, asset_id))))


@router.post(
    "/{asset_id}/complete",
    summary="Complete an upload",
    responses=refusals(
        NotFoundError, UploadIncompleteError, UploadMissingError, CorruptMediaError, NoFaceError
    ),
)
async def complete(parts: Parts, who: Writer, slowly: InSlowThread, asset_id: AssetId) -> AssetOut:
    """Join the pieces and look into the file.

    A file that no render could use is rejected, with the code of the command line: a recording that
    is damaged, a portrait without a face. Completing it again changes nothing.
    """
    return asset_told(await slowly(lambda: parts.uploads.complete(who.tenant_id, asset_id)))


@router.delete(
    "/{asset_id}",
    status_code=204,
    summary="Abort an upload",
    responses=refusals(NotFoundError, ConflictError),
)
def abort(parts: Parts, who: Writer, asset_id: AssetId) -> None:
    """Throw away what has arrived."""
    parts.uploads.abort(_under_way(parts.store.assets.get(who.tenant_id, asset_id)))


def told(upload: Upload) -> UploadOut:
    """An upload as it goes over the wire."""
    asset = upload.asset
    return UploadOut(
        id=asset.id,
        state=asset.state,
        bytes=asset.bytes,
        part_bytes=upload.part_bytes,
        received=list(upload.received),
        requests=[
            UploadRequest(
                number=piece.number, offset=piece.offset, bytes=piece.bytes, url=piece.url
            )
            for piece in upload.missing
        ],
        expires_at=asset.expires_at,
    )


def _under_way(asset: Asset) -> Asset:
    if asset.state != "uploading":
        raise AssetNotReadyError(f"The upload is over: it is {asset.state}.", hint=_OVER)
    return asset


_OVER = "Look at the asset of the same id."
