"""Errors as RFC 9457 problem documents: the only place that knows an HTTP status for them.

`type` is an address that answers with a description of the problem, `code` the stable code of
`afgen.errors`, the same as on the command line.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from afgen import errors

MEDIA_TYPE = "application/problem+json"
LOG = logging.getLogger("afgen.api")

# The status of a kind of error holds for the kinds below it, too.
STATUSES: Mapping[type[errors.AfgenError], HTTPStatus] = {
    errors.AfgenError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.InputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.SetupError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StorageUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.BlobMissingError: HTTPStatus.GONE,
    errors.BlobKeyError: HTTPStatus.NOT_FOUND,
    errors.BlobTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.UploadMissingError: HTTPStatus.NOT_FOUND,
    errors.UploadIncompleteError: HTTPStatus.CONFLICT,
    errors.LinkRefusedError: HTTPStatus.FORBIDDEN,
    errors.RequestError: HTTPStatus.BAD_REQUEST,
    errors.NotFoundError: HTTPStatus.NOT_FOUND,
    errors.ConflictError: HTTPStatus.CONFLICT,
    errors.IdempotencyMismatchError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.QuotaError: HTTPStatus.TOO_MANY_REQUESTS,
    errors.RateError: HTTPStatus.TOO_MANY_REQUESTS,
    errors.KeyRefusedError: HTTPStatus.UNAUTHORIZED,
    errors.ForbiddenError: HTTPStatus.FORBIDDEN,
    errors.UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
}

# What goes wrong before any of our own code is asked, by status.
OF_HTTP: Mapping[int, tuple[str, str]] = {
    400: ("bad_request", "The request cannot be read."),
    404: ("not_found", "There is nothing of that name, or it is somebody else's."),
    405: ("method_not_allowed", "This address does not answer to this method."),
    413: ("body_too_large", "The body of the request is too large."),
    415: ("unsupported_media_type", "The body is of a kind that is not read here."),
}
VALIDATION = ("validation", "The request does not fit the description of the interface.")
INTERNAL = ("internal", "Something went wrong on our side.")


# Problems that no error type stands for, by their status.
WITHOUT_TYPE = {**OF_HTTP, 422: VALIDATION}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is told of an error; `errors` says where in the request each fault lies."""

    status: int
    code: str
    title: str
    detail: str = ""
    hint: str = ""
    retryable: bool = False
    errors: Sequence[Mapping[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def document(self, public_url: str, request_id: str | None) -> dict[str, Any]:
        """The members of RFC 9457, section 3, and our own."""
        document: dict[str, Any] = {
            "type": f"{public_url}/problems/{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "retryable": self.retryable,
            "request_id": request_id,
        }
        extras = {"detail": self.detail, "hint": self.hint, "errors": list(self.errors)}
        return document | {name: value for name, value in extras.items() if value}

    def response(self, request: Request) -> Response:
        """The answer for the client that made `request`."""
        public_url = request.app.state.public_url
        document = self.document(public_url, getattr(request.state, "request_id", None))
        return JSONResponse(document, self.status, dict(self.headers), MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem document."""
    app.add_exception_handler(errors.AfgenError, _on_known)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


def status_of(kind: type[errors.AfgenError]) -> HTTPStatus:
    """The status of the nearest kind above that has one."""
    return next(STATUSES[base] for base in kind.__mro__ if base in STATUSES)


def title_of(kind: type[errors.AfgenError]) -> str:
    """What a kind of error is called: the first line of its description."""
    return (kind.__doc__ or "").strip().partition("\n")[0]


def of_error(error: errors.AfgenError) -> Problem:
    """The problem that an error on purpose is; of one of ours, nothing of the inside is told."""
    status = status_of(type(error))
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        return replace(unexpected(), code=error.code, retryable=error.retryable)
    return Problem(
        status=status,
        code=error.code,
        title=title_of(type(error)),
        detail=error.message,
        hint=error.advice,
        retryable=error.retryable,
        headers=_headers_of(error),
    )


def unexpected() -> Problem:
    """What is told of a fault of ours: that there was one, and nothing of the inside."""
    code, title = INTERNAL
    return Problem(500, code, title, hint="Try again; if it stays, report the request_id.")


def _headers_of(error: errors.AfgenError) -> dict[str, str]:
    if isinstance(error, errors.KeyRefusedError):
        return {"WWW-Authenticate": "Bearer"}
    return {}


async def _on_known(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.AfgenError)
    if status_of(type(error)) >= HTTPStatus.INTERNAL_SERVER_ERROR:
        LOG.error("%s: %s", error.code, error.message, exc_info=error)
    return of_error(error).response(request)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, title = OF_HTTP.get(error.status_code, ("http", HTTPStatus(error.status_code).phrase))
    return Problem(error.status_code, code, title, headers=error.headers or {}).response(request)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    code, title = VALIDATION
    faults = [_fault(one["type"], one["loc"], str(one["msg"])) for one in error.errors()]
    return Problem(422, code, title, errors=faults).response(request)


def _fault(kind: str, place: Sequence[int | str], message: str) -> dict[str, str]:
    """Where a fault lies: a JSON pointer into the body, or the name of a parameter."""
    where, *steps = place
    detail = message.removeprefix("Value error, ")
    if kind == "json_invalid":  # the step is a place in the text
        return {"pointer": "#", "detail": f"{detail} at character {steps[0]}"}
    if where == "body":
        return {"pointer": pointer(steps), "detail": detail}
    return {"parameter": ".".join(map(str, steps)), "in": str(where), "detail": detail}


def pointer(steps: Iterable[int | str]) -> str:
    """A JSON pointer as a URI fragment (RFC 6901, section 6)."""
    escaped = (str(step).replace("~", "~0").replace("/", "~1") for step in steps)
    return "#" + "".join(f"/{step}" for step in escaped)
