"""Reading docker-compose.yml as Docker Compose does: variables first, then YAML."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "docker-compose.yml"
EXAMPLE = ROOT / ".env.example"
# The Compose specification, "Interpolation": ${NAME}, ${NAME:-default}, ${NAME:?message}.
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")


def variables() -> dict[str, str | None]:
    """Variables of the file and their defaults; None where one has to be given."""
    found = _VARIABLE.finditer(FILE.read_text("utf-8"))
    return {one["name"]: one["rest"] if one["kind"] == "-" else None for one in found}


def services(given: Mapping[str, str]) -> dict[str, Any]:
    """The services, with variables filled in. Raises KeyError for one that has to be given."""
    known = variables()

    def value(found: re.Match[str]) -> str:
        return given.get(found["name"]) or known[found["name"]] or given[found["name"]]

    return dict(yaml.safe_load(_VARIABLE.sub(value, FILE.read_text("utf-8")))["services"])


def whole() -> dict[str, Any]:
    """The file as it is written."""
    return dict(yaml.safe_load(FILE.read_text("utf-8")))
