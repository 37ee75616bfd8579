"""The list of a batch's jobs as a file: a JSON list of items, or one item a line."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from afgen.errors import ManifestError
from afgen.jobs.spec import BatchItem

_HINT = 'Each item is {"key": ..., "job": {"inputs": ...}}, as in the API\'s description.'


def read_items(data: bytes, most: int) -> list[BatchItem]:
    """The items of a manifest. Raises ManifestError naming the first item that is none."""
    items: list[BatchItem] = []
    for number, found in enumerate(_values(data), start=1):
        if number > most:
            raise ManifestError(f"The manifest lists more than {most} items.", hint="Split it.")
        try:
            items.append(BatchItem.model_validate(found))
        except ValidationError as error:
            raise ManifestError(f"Item {number}: {_first(error)}.", hint=_HINT) from None
    if not items:
        raise ManifestError("The manifest lists nothing.", hint=_HINT)
    return items


def _values(data: bytes) -> Iterator[Any]:
    try:
        text = data.decode("utf-8-sig")
        if text.lstrip().startswith("["):
            yield from json.loads(text)
        else:
            yield from (json.loads(line) for line in text.splitlines() if line.strip())
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"The manifest is not JSON: {error}.", hint=_HINT) from None


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(step) for step in first["loc"])
    return f"{place}: {first['msg'].removeprefix('Value error, ')}"
