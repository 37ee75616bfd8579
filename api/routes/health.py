"""Whether the service is well, for those that run it; and what problems mean."""

import hmac
from ipaddress import ip_address
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.security import HTTPAuthorizationCredentials
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import ConfigDict

from afgen.errors import KeyRefusedError, NotFoundError, kinds
from afgen.jobs.health import answers
from api import problems
from api.deps import BEARER, Parts
from api.metrics import Metrics
from api.openapi import Responses, open_refusals
from api.schemas.common import Told, example

router = APIRouter(tags=["service"])

Word = Literal["ok", "down"]


class Health(Told):
    """The process answers."""

    model_config = ConfigDict(json_schema_extra=example({"status": "ok"}))

    status: Word


class Readiness(Told):
    """Whether all that requests need answers."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {"status": "ok", "parts": {"database": "ok", "queue": "ok", "storage": "ok"}}
        )
    )

    status: Word
    parts: dict[str, Word]


class ProblemKind(Told):
    """What a kind of problem means."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "code": "no_face",
                "title": "No human face was found.",
                "status": 422,
                "hint": "Use a picture in which one face is clearly visible.",
                "retryable": False,
            }
        )
    )

    code: str
    title: str
    status: int
    hint: str
    retryable: bool


_FIGURES: Responses = {
    200: {
        "description": "Figures in the text format of Prometheus.",
        "content": {
            "text/plain": {
                "schema": {"type": "string"},
                "example": 'afgen_jobs{queue="interactive",state="queued"} 3.0\n',
            }
        },
    }
}
_NOT_READY: Responses = {
    503: {
        "model": Readiness,
        "description": "Something does not answer.",
        "content": {
            "application/json": {
                "example": {
                    "status": "down",
                    "parts": {"database": "ok", "queue": "down", "storage": "ok"},
                }
            }
        },
    }
}


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> Health:
    """Asks nothing of anybody: restart the process if this does not answer."""
    return Health(status="ok")


@router.get("/readyz", summary="Can requests be answered?", responses=_NOT_READY)
def readyz(parts: Parts, response: Response) -> Readiness:
    """Asks the database, the broker and the store of files: send requests elsewhere meanwhile."""
    found = answers(parts.store, parts.queue, parts.blobs)
    well = all(found.values())
    response.status_code = 200 if well else 503
    return Readiness(status=_word(well), parts={name: _word(one) for name, one in found.items()})


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses=_FIGURES | open_refusals(KeyRefusedError),
)
def metrics(
    request: Request,
    parts: Parts,
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)],
) -> Response:
    """Needs the token of the settings; without one, only this machine itself may ask."""
    token = parts.settings.metrics_token
    if token is not None:
        sent = "" if given is None else given.credentials
        allowed = hmac.compare_digest(sent.encode(), token.get_secret_value().encode())
    else:
        allowed = _is_local(request)
    if not allowed:
        raise KeyRefusedError("These figures are not for everybody.", hint="Send metrics_token.")
    figures: Metrics = request.app.state.metrics
    return Response(generate_latest(figures.registry), media_type=CONTENT_TYPE_LATEST)


@router.get(
    "/problems/{code}", summary="What a problem means", responses=open_refusals(NotFoundError)
)
async def problem(
    code: Annotated[str, Path(max_length=64, description="of a problem", examples=["no_face"])],
) -> ProblemKind:
    """The `type` of a problem document leads here."""
    for kind in kinds():
        if kind.code == code:
            return ProblemKind(
                code=code,
                title=problems.title_of(kind),
                status=problems.status_of(kind),
                hint=kind.hint,
                retryable=kind.retryable,
            )
    for status, (known, title) in problems.WITHOUT_TYPE.items():
        if known == code:
            return ProblemKind(code=code, title=title, status=status, hint="", retryable=False)
    raise NotFoundError(f"There is no problem {code!r}.", hint="")


def _word(well: bool) -> Word:
    return "ok" if well else "down"


def _is_local(request: Request) -> bool:
    """From this machine, and not passed on by a proxy on it."""
    if request.client is None or "x-forwarded-for" in request.headers:
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False
