"""Addresses that are told of events."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from afgen.errors import (
    AddressRefusedError,
    CursorError,
    IdempotencyBusyError,
    IdempotencyMismatchError,
    NotFoundError,
    QuotaError,
)
from afgen.jobs.addresses import parse_target
from afgen.jobs.ids import Kind
from afgen.jobs.outbound import policy_of
from afgen.jobs.store.deliveries import NewEndpoint
from afgen.jobs.tables import Delivery, Endpoint
from afgen.jobs.webhooks import message_of, new_secret, rotated
from api.deps import OnceOfBody, Parts, Reader, Writer
from api.openapi import refusals
from api.pagination import Cursor, Limit, paged
from api.schemas.common import DeliveryId, EndpointId, Page
from api.schemas.webhooks import (
    DeliveryOut,
    EndpointChange,
    EndpointIn,
    EndpointOut,
    EndpointSecret,
)

router = APIRouter(prefix="/v1/webhook-endpoints", tags=["webhooks"])

MOST_ENDPOINTS = 20  # of one tenant: each event goes to all of them
TEST = "endpoint.test"
State = Annotated[
    Literal["pending", "delivered", "failed"] | None, Query(description="only those in this state")
]


@router.post(
    "",
    status_code=201,
    summary="Create an endpoint",
    response_model=EndpointSecret,
    responses=refusals(
        AddressRefusedError, QuotaError, IdempotencyBusyError, IdempotencyMismatchError
    ),
)
def create(parts: Parts, who: Writer, once: OnceOfBody, body: EndpointIn) -> Response:
    """Tell an address of events, signed as the Standard Webhooks say.

    The secret to verify signatures with is in this answer and in no other.
    """
    parse_target(body.url, policy_of(parts.settings))
    if parts.store.endpoints.count(who.tenant_id) >= MOST_ENDPOINTS:
        raise QuotaError(f"There are {MOST_ENDPOINTS} endpoints already.")

    def make(endpoint_id: str) -> EndpointSecret:
        secrets = [{"secret": new_secret()}]
        new = NewEndpoint(endpoint_id, body.url, list(body.kinds), secrets)
        return _secret_told(parts.store.endpoints.create(who.tenant_id, new))

    return once.make(Kind.ENDPOINT, make)


@router.get("", name="list", summary="List endpoints", responses=refusals(CursorError))
def several(
    parts: Parts, who: Reader, cursor: Cursor = None, limit: Limit = 50
) -> Page[EndpointOut]:
    """The newest first."""
    return paged(
        parts.cursors,
        (who.tenant_id, "endpoints"),
        cursor,
        limit,
        lambda after, most: parts.store.endpoints.list(who.tenant_id, after=after, limit=most),
        told,
    )


@router.get(
    "/{endpoint_id}", name="get", summary="Get an endpoint", responses=refusals(NotFoundError)
)
def one(parts: Parts, who: Reader, endpoint_id: EndpointId) -> EndpointOut:
    """Where it is, what it is told of, and whether that arrives."""
    return told(parts.store.endpoints.get(who.tenant_id, endpoint_id))


@router.patch(
    "/{endpoint_id}",
    summary="Change an endpoint",
    responses=refusals(NotFoundError, AddressRefusedError),
)
def change(parts: Parts, who: Writer, endpoint_id: EndpointId, body: EndpointChange) -> EndpointOut:
    """Change what is given. Turning an endpoint on forgets that it failed."""
    if body.url is not None:
        parse_target(body.url, policy_of(parts.settings))
    changes = body.model_dump(exclude_none=True)
    if not changes:
        return told(parts.store.endpoints.get(who.tenant_id, endpoint_id))
    return told(parts.store.endpoints.change(who.tenant_id, endpoint_id, **changes))


@router.delete(
    "/{endpoint_id}",
    status_code=204,
    summary="Delete an endpoint",
    responses=refusals(NotFoundError),
)
def delete(parts: Parts, who: Writer, endpoint_id: EndpointId) -> None:
    """Delete it, and what was still to be told to it."""
    parts.store.endpoints.delete(who.tenant_id, endpoint_id)


@router.post(
    "/{endpoint_id}/rotate-secret", summary="Rotate the secret", responses=refusals(NotFoundError)
)
def rotate(parts: Parts, who: Writer, endpoint_id: EndpointId) -> EndpointSecret:
    """A new secret; for a day, events are signed with the old one, too."""
    kept = parts.store.endpoints.get(who.tenant_id, endpoint_id).secrets
    secrets = rotated(kept, new_secret(), parts.store.database.now())
    changed = parts.store.endpoints.change(who.tenant_id, endpoint_id, secrets=secrets)
    return _secret_told(changed)


@router.post(
    "/{endpoint_id}/test",
    status_code=202,
    summary="Send a test event",
    responses=refusals(NotFoundError),
)
def test(parts: Parts, who: Writer, endpoint_id: EndpointId) -> DeliveryOut:
    """Tell the endpoint of an event that did not happen; look at the delivery for its answer."""
    return _delivery_told(parts.store.deliveries.add(who.tenant_id, endpoint_id, TEST, {}))


@router.get(
    "/{endpoint_id}/deliveries",
    summary="List deliveries",
    responses=refusals(NotFoundError, CursorError),
)
def deliveries(
    parts: Parts,
    who: Reader,
    endpoint_id: EndpointId,
    state: State = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[DeliveryOut]:
    """The newest first."""
    return paged(
        parts.cursors,
        (who.tenant_id, "deliveries", endpoint_id, state),
        cursor,
        limit,
        lambda after, most: parts.store.deliveries.list(
            who.tenant_id, endpoint_id, state=state, after=after, limit=most
        ),
        _delivery_told,
    )


@router.post(
    "/{endpoint_id}/deliveries/{delivery_id}/redeliver",
    status_code=202,
    summary="Deliver again",
    responses=refusals(NotFoundError),
)
def redeliver(
    parts: Parts, who: Writer, endpoint_id: EndpointId, delivery_id: DeliveryId
) -> DeliveryOut:
    """Send the same event under the same id once more."""
    found = parts.store.deliveries.get(who.tenant_id, delivery_id)
    if found.endpoint_id != endpoint_id:
        raise NotFoundError(f"There is no delivery {delivery_id} of this endpoint.")
    return _delivery_told(parts.store.deliveries.again(who.tenant_id, delivery_id))


def told(endpoint: Endpoint) -> EndpointOut:
    """An endpoint as it goes over the wire."""
    return EndpointOut(
        id=endpoint.id,
        url=endpoint.url,
        kinds=endpoint.kinds,
        enabled=endpoint.enabled,
        disabled_reason=endpoint.disabled_reason,
        failing_since=endpoint.failing_since,
        created_at=endpoint.created_at,
    )


def _secret_told(endpoint: Endpoint) -> EndpointSecret:
    newest = endpoint.secrets[0]["secret"]
    return EndpointSecret(**told(endpoint).model_dump(), secret=newest)


def _delivery_told(delivery: Delivery) -> DeliveryOut:
    facts = {name: getattr(delivery, name) for name in DeliveryOut.model_fields}
    return DeliveryOut.model_validate(facts | {"payload": message_of(delivery.payload)})
