"""Files of a store that has no server of its own: signed addresses, answered here.

Only for a local folder; an S3 store answers its own. Not in the description of the API: addresses
are told where they are needed, and nobody makes them up.
"""

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import contextmanager_in_threadpool, run_in_threadpool
from fastapi.responses import FileResponse

from afgen.jobs.blobs.interface import content_type_of
from afgen.jobs.blobs.links import PATH
from afgen.jobs.blobs.local import LocalBlobs

router = APIRouter(include_in_schema=False, tags=["assets"])


@router.api_route(PATH + "{key:path}", methods=["GET", "HEAD"])
def fetch(request: Request, key: str) -> Response:
    """The bytes, or a range of them (RFC 9110, 14)."""
    blobs: LocalBlobs = request.app.state.services.blobs
    grant = blobs.links.verify(request.method, key, request.query_params)
    return FileResponse(
        blobs.path_of(key),
        media_type=content_type_of(key),
        filename=grant.filename,
        headers={"Cache-Control": "private, no-transform"},
    )


@router.put(PATH + "{key:path}", status_code=200)
async def store(request: Request, key: str) -> Response:
    """Store what is sent, if it is as long as was agreed."""
    blobs: LocalBlobs = request.app.state.services.blobs
    grant = blobs.links.verify(request.method, key, request.query_params)
    async with contextmanager_in_threadpool(blobs.receiving(grant)) as write:
        async for piece in request.stream():
            await run_in_threadpool(write, piece)
    return Response(status_code=200)
