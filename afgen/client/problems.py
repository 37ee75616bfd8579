"""Problem documents (RFC 9457) back into the errors that they were made of."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx

from afgen.errors import AfgenError, InputError, OptionError, ServiceError

# Codes of HTTP itself that have a type of their own here.
_OF_HTTP: Final[Mapping[str, type[AfgenError]]] = {
    "validation": OptionError,
    "body_too_large": InputError,
}


def problem_error(response: httpx.Response) -> AfgenError:
    """The error that an answer of 400 or more stands for: of the type with the same code."""
    document = _document(response)
    if document is None:
        where = response.request.url.copy_with(query=None)
        return ServiceError(f"{where} answered {response.status_code}.")
    return error_of(
        str(document["code"]),
        _message(document),
        hint=document.get("hint") or "",
    )


def error_of(code: str, message: str, *, hint: str | None = None) -> AfgenError:
    """An error with this code; one of another version's is a ServiceError that names the code."""
    kind = _OF_HTTP.get(code) or next((k for k in _kinds(AfgenError) if k.code == code), None)
    if kind is None:
        return ServiceError(f"{message} ({code})", hint=hint)
    return kind(message, hint=hint or None)


def _kinds(base: type[AfgenError]) -> Iterator[type[AfgenError]]:
    """Parents before children: a code that is inherited is the parent's."""
    yield base
    for kind in base.__subclasses__():
        yield from _kinds(kind)


def _document(response: httpx.Response) -> dict[str, Any] | None:
    try:
        document = response.json()
    except ValueError:
        return None
    return document if isinstance(document, dict) and "code" in document else None


def _message(document: Mapping[str, Any]) -> str:
    """What is wrong, and where in the request."""
    said = str(document.get("detail") or document.get("title") or document["code"])
    faults = (f"{_place(fault)}: {fault.get('detail')}" for fault in document.get("errors") or ())
    return " ".join((said, "; ".join(faults))).strip()


def _place(fault: Mapping[str, Any]) -> str:
    return str(fault.get("pointer") or fault.get("parameter") or "the request").removeprefix("#/")
