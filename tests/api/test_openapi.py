"""The description of the API is complete, right, and the one that is kept."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from api.__main__ import document
from api.openapi import operations
from tests.api.conftest import Service

KEPT = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"


@pytest.fixture
def described(service: Service) -> dict[str, Any]:
    return dict(service.http.get("/openapi.json").json())


def resolved(one: dict[str, Any], described: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in one:
        _, _, room, name = one["$ref"].split("/")
        one = described["components"][room][name]
    return one


def contents(operation: dict[str, Any], described: dict[str, Any]) -> Iterator[dict[str, Any]]:
    bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
    for body in bodies:
        yield from resolved(body, described).get("content", {}).values()


def examples(content: dict[str, Any], described: dict[str, Any]) -> list[Any]:
    if "example" in content:
        return [content["example"]]
    named = content.get("examples", {}).values()
    return [resolved(one, described)["value"] for one in named]


def test_the_kept_description_is_that_of_the_code() -> None:
    assert KEPT.read_text() == document(), "make it anew: python -m api > docs/openapi.json"


def test_the_description_is_valid(described: dict[str, Any]) -> None:
    validate(described)


def test_every_operation_says_what_it_does(described: dict[str, Any]) -> None:
    names = [operation["operationId"] for operation in operations(described)]
    assert len(set(names)) == len(names)
    for operation in operations(described):
        assert operation["summary"] and operation["description"] and operation["tags"]
        for parameter in operation.get("parameters", []):
            assert parameter["description"], (operation["operationId"], parameter["name"])


def test_every_body_has_an_example_that_fits(described: dict[str, Any]) -> None:
    for operation in operations(described):
        for content in contents(operation, described):
            shown = examples(content, described)
            assert shown, operation["operationId"]
            schema = content.get("schema", {}) | {"components": described["components"]}
            for one in shown:
                Draft202012Validator(schema).validate(one)


def test_every_operation_tells_how_it_refuses(described: dict[str, Any]) -> None:
    for path, methods in described["paths"].items():
        for operation in methods.values():
            if path.startswith("/v1"):
                assert operation["security"] == [{"key": []}]
                assert {"401", "403", "422", "429", "500", "503"} <= set(operation["responses"])
