"""Webhooks: who is told of what, and whether it arrived."""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from api.schemas.common import NOW, ULID, Given, Json, Told, example

URL = "https://hooks.example.com/afgen"
Told_of = Literal["job.succeeded", "job.failed", "job.canceled", "batch.finished"]

ENDPOINT: Json = {
    "id": f"whe_{ULID}",
    "url": URL,
    "kinds": ["job.succeeded", "job.failed"],
    "enabled": True,
    "disabled_reason": None,
    "failing_since": None,
    "created_at": NOW,
}


class EndpointIn(Given):
    """Where to send events, signed as the Standard Webhooks say."""

    model_config = ConfigDict(
        json_schema_extra=example({"url": URL, "kinds": ["job.succeeded", "job.failed"]})
    )

    url: str = Field(max_length=2048, description="an https address that can be reached publicly")
    kinds: list[Told_of] = Field([], max_length=16, description="of events; none means all")


class EndpointChange(Given):
    """What is to be changed of an endpoint; what is left out stays."""

    model_config = ConfigDict(json_schema_extra=example({"enabled": False}))

    url: str | None = Field(None, max_length=2048)
    kinds: list[Told_of] | None = Field(None, max_length=16)
    enabled: bool | None = None


class EndpointOut(Told):
    """An endpoint. Its secret is told only when it is made or rotated."""

    model_config = ConfigDict(json_schema_extra=example(ENDPOINT))

    id: str
    url: str
    kinds: list[str]
    enabled: bool
    disabled_reason: str | None
    failing_since: datetime | None
    created_at: datetime


class EndpointSecret(EndpointOut):
    """An endpoint with its new secret, which is not told again."""

    model_config = ConfigDict(
        json_schema_extra=example(ENDPOINT | {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})
    )

    secret: str


class DeliveryOut(Told):
    """One event on its way to one endpoint."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "id": f"dlv_{ULID}",
                "kind": "job.succeeded",
                "payload": {
                    "type": "job.succeeded",
                    "timestamp": NOW,
                    "data": {"job_id": f"job_{ULID}", "state": "succeeded"},
                },
                "state": "delivered",
                "attempts": 1,
                "created_at": NOW,
                "next_at": None,
                "last_at": NOW,
                "last_status": 204,
                "last_error": None,
            }
        )
    )

    id: str
    kind: str
    payload: dict[str, Any]
    state: Literal["pending", "delivered", "failed"]
    attempts: int
    created_at: datetime
    next_at: datetime | None = Field(description="when it is tried next")
    last_at: datetime | None
    last_status: int | None = Field(description="HTTP status of the last answer")
    last_error: str | None
