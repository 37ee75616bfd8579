"""What all resources share: pages, problems, identifiers, examples."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from afgen.jobs import ids

Item = TypeVar("Item")
Json = dict[str, Any]


def example(value: Json) -> Json:
    """The part of a model's description that shows one of its kind."""
    return {"examples": [value]}


def id_of(kind: ids.Kind, what: str) -> Any:
    """A parameter of a path that is an identifier. Others are answered as one that is not there."""
    return Annotated[str, Path(description=what, examples=[f"{kind}_{ULID}"], max_length=64)]


ULID = "01k9z3m8q4w7n2x5b6c8d9f0g1"
NOW = "2026-03-01T09:30:00Z"
LATER = "2026-03-08T09:30:00Z"

AssetId = id_of(ids.Kind.ASSET, "id of an upload")
JobId = id_of(ids.Kind.JOB, "id of a job")
BatchId = id_of(ids.Kind.BATCH, "id of a batch")
ScheduleId = id_of(ids.Kind.SCHEDULE, "id of a schedule")
EndpointId = id_of(ids.Kind.ENDPOINT, "id of a webhook endpoint")
DeliveryId = id_of(ids.Kind.DELIVERY, "id of a delivery")


class Given(BaseModel):
    """A body that is sent to the service: what is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Told(BaseModel):
    """A body that the service answers with; fields may be added, so clients ignore others."""

    model_config = ConfigDict(frozen=True)


class Page(Told, Generic[Item]):
    """A piece of a list, the newest first."""

    items: list[Item]
    next_cursor: str | None = Field(
        description="pass it as `cursor` for what follows; null at the end", examples=[None]
    )


class Fault(Told):
    """One fault of a request."""

    detail: str
    pointer: str | None = Field(None, description="JSON pointer into the body (RFC 6901)")
    parameter: str | None = Field(None, description="name of the parameter")
    place: str | None = Field(None, alias="in", description="query, path, header or cookie")


class Problem(Told):
    """What went wrong (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "type": "http://127.0.0.1:8000/problems/no_face",
                "title": "No human face was found.",
                "status": 422,
                "code": "no_face",
                "detail": "no face was found in the portrait",
                "hint": "Use a picture in which one face is clearly visible.",
                "retryable": False,
                "request_id": "req_4f1c2a9be05d7c3812ab44f0",
            }
        )
    )

    type: str = Field(description="address that describes the kind of problem")
    title: str
    status: int
    code: str = Field(description="stable name of the kind, the same as on the command line")
    detail: str = ""
    hint: str = Field("", description="what to do about it")
    retryable: bool = Field(description="whether the same request may succeed later")
    request_id: str | None
    errors: list[Fault] = []


class ErrorOut(Told):
    """Why something failed."""

    code: str
    message: str
    hint: str = ""
    retryable: bool = False

    @classmethod
    def of(cls, error: Mapping[str, Any] | None) -> "ErrorOut | None":
        """From a row; None stays None."""
        return None if error is None else cls.model_validate(error)


def aware(moment: datetime | None) -> datetime | None:
    """A time without a zone is one of UTC."""
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)
