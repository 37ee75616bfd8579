"""The description of the API: complete, with examples, and the same every time it is made.

Examples are written once, beside the models and the error types; here they are put where readers
and tools look for them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPMethod
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from afgen import errors
from api import problems
from api.schemas.common import Given, Json, Problem, Told

VERSION = "1.0.0"
TITLE = "afgen"
DESCRIPTION = """Turn a portrait and the recording of a conversation into a video of that portrait \
talking with one person's voice and listening to the other.

Upload a portrait and a recording, make a job of them, follow its events, fetch its video. Every \
request under `/v1` carries an API key: `Authorization: Bearer afk_...`. Requests that make \
something take an `Idempotency-Key`, so that they can be sent again. Lists are told page by page. \
Errors are problem documents (RFC 9457) whose `code` is the one of the command line."""

TAGS = [
    {"name": "uploads", "description": "Files on their way in: in one piece or many, resumable."},
    {"name": "assets", "description": "Files that have arrived, and what was found in them."},
    {"name": "jobs", "description": "Renders: asked for, followed, canceled, fetched."},
    {"name": "batches", "description": "Many jobs at once."},
    {"name": "schedules", "description": "Jobs that are made again and again."},
    {"name": "webhooks", "description": "Events told to addresses of yours, signed."},
    {"name": "usage", "description": "What was used, and how much may be."},
    {"name": "service", "description": "Whether the service is well."},
]

# Of every request that carries a key.
COMMON: tuple[type[errors.AfgenError], ...] = (
    errors.KeyRefusedError,
    errors.ForbiddenError,
    errors.RateError,
    errors.DatabaseUnavailableError,
)
Responses = dict[int | str, dict[str, Any]]

_METHODS = frozenset(method.lower() for method in HTTPMethod)
_PROBLEM = {"$ref": "#/components/schemas/Problem"}


def refusals(*kinds: type[errors.AfgenError]) -> Responses:
    """The `responses` of a route that carries a key and raises these kinds of errors."""
    return open_refusals(*COMMON, *kinds)


def open_refusals(*kinds: type[errors.AfgenError]) -> Responses:
    """The `responses` of a route that anybody may ask."""
    validation = problems.Problem(422, *problems.VALIDATION, errors=[_FAULT])
    told = [problems.of_error(kind(problems.title_of(kind))) for kind in kinds]
    return _answers([*told, validation, problems.unexpected()])


def describe(app: FastAPI) -> Json:
    """The OpenAPI document of an app."""
    document = get_openapi(
        title=TITLE,
        version=VERSION,
        summary="Portraits that talk and listen",
        description=DESCRIPTION,
        routes=app.routes,
        tags=TAGS,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        servers=[{"url": "/", "description": "this service"}],
    )
    schemas = document["components"]["schemas"]
    schemas |= _problem_schemas()
    for name in ("HTTPValidationError", "ValidationError"):  # ours are problems
        schemas.pop(name, None)
    for model in _models(Told, Given):  # anew: nulls in examples were dropped on the way
        if model.__name__ in schemas and (extra := model.model_config.get("json_schema_extra")):
            schemas[model.__name__] |= extra
    for operation in operations(document):
        if "requestBody" in operation:
            refused = _answers(_OF_BODIES)
            operation["responses"] |= {str(status): refused[status] for status in refused}
        for content in _contents(operation):
            _show(content, document)
        _share_refusals(operation["responses"], document["components"])
    return document


def text_of(document: Json) -> str:
    """The document as it is kept in the repository."""
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def operations(document: Json) -> Iterator[Json]:
    """Every operation of a document."""
    for path in document["paths"].values():
        for method, operation in path.items():
            if method in _METHODS:
                yield operation


# The answer of a download: the bytes lie at an address that is signed for the moment.
FOUND_ELSEWHERE: Responses = {
    307: {
        "description": "The bytes are at the address in `Location`.",
        "headers": {
            "Location": {
                "description": "address that is good for some minutes",
                "schema": {"type": "string", "format": "uri"},
            }
        },
    }
}
_OF_BODIES = [problems.Problem(status, *problems.OF_HTTP[status]) for status in (400, 413)]
_FAULT = {"pointer": "#/settings/size", "detail": "Input should be less than or equal to 1024"}


def _answers(told: Sequence[problems.Problem]) -> Responses:
    answers: Responses = {}
    for problem in told:
        answer = answers.setdefault(problem.status, {"description": ""})
        answer["description"] = f"{answer['description']} {problem.title}".strip()
        content = answer.setdefault("content", {problems.MEDIA_TYPE: {"schema": _PROBLEM}})
        shown = content[problems.MEDIA_TYPE].setdefault("examples", {})
        document = problem.document("http://127.0.0.1:8000", "req_4f1c2a9be05d7c3812ab44f0")
        shown[problem.code] = {"summary": problem.title, "value": document}
    return answers


def _problem_schemas() -> Json:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs"), "Problem": schema}


def _models(*bases: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for base in bases:
        yield base
        yield from _models(*base.__subclasses__())


def _contents(operation: Json) -> Iterator[Json]:
    bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
    for body in bodies:
        yield from body.get("content", {}).values()


def _share_refusals(answers: Json, components: Json) -> None:
    """Write the same refusal of many operations once."""
    for status, answer in answers.items():
        shown = answer.get("content", {}).get(problems.MEDIA_TYPE)
        if shown is not None:
            name = "_or_".join(sorted(shown["examples"]))
            components.setdefault("responses", {})[name] = answer
            answers[status] = {"$ref": f"#/components/responses/{name}"}


def _show(content: Json, document: Json) -> None:
    """Put the example of a model where it is used; those of problems are written once."""
    components = document["components"]
    content.pop("itemSchema", None)  # of OpenAPI 3.2
    if "examples" in content:
        components.setdefault("examples", {}).update(content["examples"])
        content["examples"] = {
            name: {"$ref": f"#/components/examples/{name}"} for name in content["examples"]
        }
    elif "example" not in content:
        content["example"] = _example(content["schema"], components["schemas"])


def _example(schema: Json, schemas: Mapping[str, Json]) -> Any:
    """The example of a schema, made of those of its parts where it has none of its own."""
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return _example(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if schema.get("type") == "array":
        return [_example(schema["items"], schemas)]
    properties = schema.get("properties", {})
    return {name: _example(one, schemas) for name, one in properties.items()}
