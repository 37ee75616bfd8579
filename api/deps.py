"""What endpoints ask for: the parts of the service, who is calling, and doing a thing once."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from afgen.errors import AfgenError, KeyRefusedError, RateError
from afgen.jobs import ids
from afgen.jobs.blobs.interface import Blobs
from afgen.jobs.keys import Principal, Scope, authenticate
from afgen.jobs.limits import Buckets, Quotas, Rate, quotas_of, rate_fields
from afgen.jobs.preflight import Examiner
from afgen.jobs.queue import Queue
from afgen.jobs.settings import ServiceSettings
from afgen.jobs.store import Store
from afgen.jobs.store import idempotency as once
from afgen.jobs.tables import Json
from afgen.jobs.uploads import Uploads
from api.pagination import Cursors
from api.problems import status_of

BEARER = HTTPBearer(
    scheme_name="key", description="An API key: `afk_...`; `afgen keys create` makes one.",
    auto_error=False,
)  # fmt: skip
KEY_HEADER = Header(
    alias="Idempotency-Key",
    min_length=1,
    max_length=255,
    description="any text that is new for each new request; the same one does nothing twice",
    examples=["3f0c7c1e-5a55-4d0e-9a39-8a6f5a1f6b0b"],
)


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the service that the API speaks to."""

    settings: ServiceSettings
    store: Store
    blobs: Blobs
    queue: Queue
    buckets: Buckets
    examiner: Examiner
    cursors: Cursors

    @property
    def uploads(self) -> Uploads:
        """What uploads need, of these."""
        return Uploads(self.store, self.blobs, self.examiner, self.settings)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request, and how much that one may have."""

    principal: Principal
    quotas: Quotas

    @property
    def tenant_id(self) -> str:
        """Whose key it is."""
        return self.principal.tenant_id


async def services(request: Request) -> Services:
    """The parts of the service. Asynchronous, as all that waits for nothing: it costs no thread."""
    found: Services = request.app.state.services
    return found


Parts = Annotated[Services, Depends(services)]


def caller(
    request: Request,
    parts: Parts,
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)],
) -> Caller:
    """Who is calling. Raises KeyRefusedError, RateError."""
    if given is None:
        raise KeyRefusedError("No API key was given.")
    principal = authenticate(parts.store, given.credentials, parts.store.database.now())
    request.state.tenant_id, request.state.key_id = principal.tenant_id, principal.key_id
    limits = parts.store.tenants.get(principal.tenant_id).limits
    _take(request, parts, principal.tenant_id, limits)
    return Caller(principal, quotas_of(parts.settings, limits))


def _take(request: Request, parts: Services, tenant_id: str, limits: Json) -> None:
    """Count the request against the tenant's rate, and tell how it stands."""
    settings = parts.settings
    rate = Rate(
        "requests",
        burst=int(limits.get("rate_burst", settings.rate_burst)),
        per_s=limits.get("rate_per_minute", settings.rate_per_minute) / 60,
    )
    taken = parts.buckets.take(tenant_id, rate)
    request.state.headers = rate_fields(rate, taken)
    if not taken.allowed:
        raise RateError(f"{rate.burst} requests were made at once, and {rate.per_s:g} a second.")


class Needs:
    """The caller, if its key has a scope. Raises ForbiddenError."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def __call__(self, who: Annotated[Caller, Depends(caller)]) -> Caller:
        """Check."""
        who.principal.require(self.scope)
        return who


Reader = Annotated[Caller, Depends(Needs(Scope.READ))]
Writer = Annotated[Caller, Depends(Needs(Scope.WRITE))]


async def body_sha256(request: Request) -> str:
    """Hash of the body, which has been read already."""
    return hashlib.sha256(await request.body()).hexdigest()


@dataclass(frozen=True, slots=True)
class Once:
    """Makes what a request asks for, and no second one when the request is sent again.

    IETF draft "The Idempotency-Key HTTP Header Field": the first answer is told again, with the
    header Idempotency-Replayed; 409 while the first request is at work, 422 for another body.
    """

    parts: Services
    who: Caller
    key: str | None
    request: Request
    body_sha256: str

    def make(
        self, kind: ids.Kind, make: Callable[[str], BaseModel], body_sha256: str | None = None
    ) -> Response:
        """Answer 201 with what `make(id)` gives. Raises what it raises."""
        new = ids.new_id(kind, datetime.now(UTC))
        if self.key is None:
            return self._created(_plain(make(new)))
        idempotency, tenant_id = self.parts.store.idempotency, self.who.tenant_id
        action = f"{self.request.method} {self.request.url.path}"
        asked = once.Request(self.key, action, body_sha256 or self.body_sha256)
        begun = idempotency.begin(tenant_id, asked, new)
        if isinstance(begun, once.Replay):
            return self._created(begun.response, {"Idempotency-Replayed": "true"})
        try:
            made = _plain(make(begun))
        except AfgenError as error:
            if status_of(type(error)) < 500:  # nothing was made, for sure
                idempotency.abandon(tenant_id, self.key)
            raise
        idempotency.complete(tenant_id, self.key, 201, made)
        return self._created(made)

    def _created(self, made: Json, headers: dict[str, str] | None = None) -> Response:
        place = f"/v1/{_COLLECTIONS[made['id'].partition('_')[0]]}/{made['id']}"
        return JSONResponse(made, 201, {"Location": place, **(headers or {})})


_COLLECTIONS = {
    ids.Kind.ASSET: "assets",
    ids.Kind.JOB: "jobs",
    ids.Kind.BATCH: "batches",
    ids.Kind.SCHEDULE: "schedules",
    ids.Kind.ENDPOINT: "webhook-endpoints",
}


def _plain(made: BaseModel) -> dict[str, Any]:
    return made.model_dump(mode="json", by_alias=True)


async def once_of_body(
    request: Request,
    parts: Parts,
    who: Writer,
    digest: Annotated[str, Depends(body_sha256)],
    key: Annotated[str | None, KEY_HEADER] = None,
) -> Once:
    """For requests whose body is JSON."""
    return Once(parts, who, key, request, digest)


OnceOfBody = Annotated[Once, Depends(once_of_body)]
