"""Uploads, and the assets they become."""

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from afgen.jobs.facts import AssetKind, Facts
from api.schemas.common import LATER, NOW, ULID, ErrorOut, Given, Json, Told, example

FILENAME = Field(min_length=1, max_length=255, description="as it is called on the client's side")

ASSET: Json = {
    "id": f"ast_{ULID}",
    "state": "ready",
    "kind": "recording",
    "filename": "call.mp4",
    "content_type": "video/mp4",
    "bytes": 73_400_320,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "facts": {
        "container": "mov",
        "duration_s": 184.32,
        "video": {"width": 1280, "height": 720, "rate_hz": 30.0, "codec": "h264"},
        "audio": {"rate_hz": 48000, "channels": 2, "codec": "aac", "audible": True},
    },
    "error": None,
    "created_at": NOW,
    "expires_at": LATER,
}


class UploadIn(Given):
    """A file that is to be uploaded."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {"kind": "recording", "filename": "call.mp4", "bytes": 73_400_320}
        )
    )

    kind: AssetKind = Field(description="what the file is to be used as")
    filename: str = FILENAME
    bytes: int = Field(ge=1, description="exact length of the file")


class UploadRequest(Told):
    """A request that the client makes with a piece of the file as its body."""

    number: int = Field(description="of the piece, from 1")
    offset: int = Field(description="where in the file it begins")
    bytes: int = Field(description="its exact length")
    method: Literal["PUT"] = "PUT"
    url: str
    headers: dict[str, str] = Field(default={}, description="to be sent with it")


class UploadOut(Told):
    """An upload under way: make the `requests`, then complete it.

    Files up to 64 MiB go in one piece, larger ones in pieces of `part_bytes`. Pieces may be sent at
    once and in any order; after a break, get the upload again for those that are missing.
    """

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "id": f"ast_{ULID}",
                "state": "uploading",
                "bytes": 73_400_320,
                "part_bytes": 16_777_216,
                "received": [1, 2, 3],
                "requests": [
                    {
                        "number": 4,
                        "offset": 50_331_648,
                        "bytes": 16_777_216,
                        "method": "PUT",
                        "url": "https://files.example.com/inputs/call.mp4?partNumber=4&X-Amz-Signature=5d1a",
                        "headers": {},
                    }
                ],
                "expires_at": NOW,
            }
        )
    )

    id: str = Field(description="of the asset that the upload becomes")
    state: str
    bytes: int
    part_bytes: int = Field(description="length of all pieces but the last")
    received: list[int] = Field(description="numbers of the pieces that have arrived")
    requests: list[UploadRequest] = Field(description="for pieces that are missing, at most 1000")
    expires_at: datetime = Field(description="until when the requests can be made")


class AssetOut(Told):
    """A file that was uploaded, and what was found in it."""

    model_config = ConfigDict(json_schema_extra=example(ASSET))

    id: str
    state: Literal["uploading", "ready", "rejected"]
    kind: AssetKind
    filename: str
    content_type: str
    bytes: int
    sha256: str | None
    facts: Facts | None = Field(description="what the file holds; null until it is complete")
    error: ErrorOut | None = Field(description="why the file was rejected")
    created_at: datetime
    expires_at: datetime = Field(description="when the file will be deleted")
