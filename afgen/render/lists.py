"""A list of renders in a file: one row each, its columns the sources and settings of a render.

CSV with a header line, or a JSON list of objects; empty cells are left at their default, and paths
are relative to the file. A folder of recordings is a list, too: one render for each of them.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from afgen.errors import AfgenError, ManifestError
from afgen.media.files import require_readable
from afgen.render.settings import RenderSettings, Sources

NAME = "name"
FILES = ("portrait", "conversation", "user_video", "user_audio", "avatar_audio")
COLUMNS = (NAME, *Sources.model_fields, *RenderSettings.model_fields)
RECORDINGS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".wav", ".flac", ".mp3", ".m4a", ".ogg")
PORTRAITS = (".png", ".jpg", ".jpeg", ".webp")
RECORD = "results"  # what became of each render lies beside the reports, under this name
MOST_BYTES = 64 * 2**20

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Item:
    """One render of a list. `name` is that of its video, without the ending."""

    name: str
    sources: Sources
    settings: RenderSettings


def read_list(path: Path, defaults: Row | None = None) -> list[Item]:
    """The renders that a file or folder lists; `defaults` are values for cells left empty.

    What the presets can do is not looked at: the list may be for another machine.

    Raises ManifestError naming the row, MediaError for a file that cannot be read.
    """
    if path.is_dir():
        folder, rows = path, list(_recordings_in(path, defaults or {}))
    else:
        folder, rows = path.parent, _rows_of(path)
    if not rows:
        raise ManifestError(f"{path} lists nothing to render.")
    items: list[Item] = []
    names: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        try:
            item = _item(row, defaults or {}, folder)
            if (before := names.setdefault(item.name.casefold(), number)) != number:
                raise ManifestError(f"it has the name {item.name!r} of row {before}")
        except ManifestError as error:
            raise row_error(path, number, error) from error
        items.append(item)
    return items


def row_error(path: Path, number: int, error: AfgenError) -> ManifestError:
    """What is wrong with a row, counted from 1."""
    return ManifestError(f"{path}, row {number}: {error.message.rstrip('.')}.")


def _rows_of(path: Path) -> list[Row]:
    """Cells by column, less the empty ones."""
    if require_readable(path) > MOST_BYTES:
        raise ManifestError(f"{path} is larger than any list of renders need be.")
    try:
        text = path.read_text("utf-8-sig")
        rows = json.loads(text) if path.suffix.lower() == ".json" else _csv_rows(text)
    except (ValueError, csv.Error) as error:
        raise ManifestError(f"{path} is neither CSV nor JSON: {error}.") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ManifestError(f"{path} is not a list of objects.")
    return [{key: cell for key, cell in row.items() if cell not in (None, "")} for row in rows]


def _csv_rows(text: str) -> list[Row]:
    reader = csv.DictReader(io.StringIO(text), restkey="", strict=True)
    return [{(key or "").strip(): cell for key, cell in row.items()} for row in reader]


def _recordings_in(folder: Path, defaults: Row) -> Iterable[Row]:
    """Each recording, with the portrait of the same name where there is one."""
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in RECORDINGS or path.name.startswith("."):
            continue
        portraits = [path.with_suffix(ending) for ending in PORTRAITS]
        own = next((portrait.name for portrait in portraits if portrait.is_file()), None)
        if own is None and "portrait" not in defaults:
            raise ManifestError(
                f"{path} has no portrait beside it.",
                hint=f"Name one {path.stem}.jpg, or give one for all with --portrait.",
            )
        row = {NAME: path.stem, "conversation": path.name}
        yield row if own is None else {**row, "portrait": own}


def _item(row: Row, defaults: Row, folder: Path) -> Item:
    for column in row:
        if column not in COLUMNS:
            raise ManifestError(f"there is no column {column!r}; known are {', '.join(COLUMNS)}")
    given = {**row}
    for column in FILES:
        if column in row:
            given[column] = folder / str(row[column])
    given = {**defaults, **given}
    sources = _checked(Sources, given)
    settings = _checked(RenderSettings, given)
    return Item(_name(given.get(NAME), sources), sources, settings)


def _checked(model: Any, given: Row) -> Any:
    try:
        return model(**{key: value for key, value in given.items() if key in model.model_fields})
    except ValidationError as error:
        raise ManifestError(_problem(error)) from error


def _problem(error: ValidationError) -> str:
    first = error.errors()[0]
    column = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "missing":
        return f"{column} is missing"
    problem = first["msg"].removeprefix("Value error, ").replace("Input should", "must")
    return f"{column} {first['input']}: {problem}" if column else problem


def _name(given: object, sources: Sources) -> str:
    name = str(given) if given is not None else next(iter(sources.recordings.values())).stem
    if name != Path(name).name or name.startswith(".") or not name.isprintable():
        raise ManifestError(f"{name!r} is no name for a file")
    if name.casefold() == RECORD:
        raise ManifestError(f"the name {name!r} is that of the record of all renders")
    return name
