"""The recordings of a corpus: a folder that is searched, or a manifest that says more of each.

A manifest is a CSV with a column `file` (relative to it). Known columns go with every sample:
`licence` (or `license_as_stated`), `license_class`, `train_weights`, `split`, `identity_group`,
`kind`. Columns `left_audio` and `right_audio` name the voices of the people to the left and right
where they were recorded apart; with one person in view `left_audio` is theirs.
"""

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from afgen.errors import FileMissingError, ManifestError

MEDIA_SUFFIXES: Final = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi"})
_LICENCE_COLUMNS: Final = ("licence", "license", "license_as_stated")
_KEPT_COLUMNS: Final = ("license_class", "train_weights", "split", "identity_group", "kind")
_VOICE_COLUMNS: Final = ("left_audio", "right_audio")
_LONGEST_NAME: Final = 48  # leaves room for place and field in the 100 bytes of a tar header


@dataclass(frozen=True, slots=True)
class Source:
    """One recording to prepare; names are unique within a corpus and fit any file system."""

    name: str
    path: Path
    file: str = ""  # as the corpus calls it
    facts: Mapping[str, str] = field(default_factory=dict)  # licence and the like
    voices: tuple[Path, ...] = ()  # recorded apart, from left to right


def sources_in(corpus: Path, *, trainable_only: bool = False) -> list[Source]:
    """Recordings of a folder (searched through) or of a manifest, in the order of their names.

    Of a manifest with a column `train_weights`, `trainable_only` takes the rows that say `yes`.
    A folder says nothing of licences, so `trainable_only` leaves none of it.

    Raises FileMissingError if there is no such corpus or no recording in it, ManifestError for a
    manifest without a column `file`.
    """
    if corpus.is_dir():
        rows = [] if trainable_only else [{"file": file} for file in _media_in(corpus)]
    elif corpus.is_file():
        rows = [
            row
            for row in _rows_of(corpus)
            if not trainable_only or row.get("train_weights") == "yes"
        ]
    else:
        raise FileMissingError(f"There is no corpus {corpus}.")
    if not rows:
        raise FileMissingError(f"There is no usable clip in {corpus}.")
    root = corpus if corpus.is_dir() else corpus.parent
    common = Counter(_name_of(row["file"]) for row in rows)
    found = [_source(row, root, alone=common[_name_of(row["file"])] == 1) for row in rows]
    return sorted(found, key=lambda source: source.name)


def _media_in(folder: Path) -> list[str]:
    found = (path for path in folder.rglob("*") if path.suffix.lower() in MEDIA_SUFFIXES)
    return [path.relative_to(folder).as_posix() for path in found]


def _rows_of(manifest: Path) -> list[dict[str, str]]:
    """Rows of recordings, each file once."""
    with manifest.open(newline="", encoding="utf-8") as text:
        reader = csv.DictReader(text)
        if "file" not in (reader.fieldnames or ()):
            raise ManifestError(
                f"{manifest.name} has no column `file`.",
                hint="The first line of a manifest names its columns; `file` holds the paths.",
            )
        rows = {row["file"]: row for row in reader}
    return [row for row in rows.values() if Path(row["file"]).suffix.lower() in MEDIA_SUFFIXES]


def _source(row: Mapping[str, str], root: Path, *, alone: bool) -> Source:
    file = row["file"]
    facts = {name: row[name] for name in _KEPT_COLUMNS if row.get(name)}
    licence = next((row[name] for name in _LICENCE_COLUMNS if row.get(name)), "")
    if licence:
        facts["licence"] = licence
    voices = tuple(root / row[name] for name in _VOICE_COLUMNS if row.get(name))
    name = _name_of(file) if alone else _distinct(file)
    return Source(name, root / file, file, facts, voices)


def _name_of(file: str) -> str:
    """The path as one word of letters, digits, `_` and `-`."""
    whole = "__".join(PurePosixPath(file).with_suffix("").parts)
    word = re.sub(r"[^A-Za-z0-9_-]+", "-", whole)
    return word if word == whole and len(word) <= _LONGEST_NAME else _distinct(file)


def _distinct(file: str) -> str:
    """A name no other path has: the path's own end and a part of its hash."""
    whole = "__".join(PurePosixPath(file).with_suffix("").parts)
    word = re.sub(r"[^A-Za-z0-9_-]+", "-", whole)[-(_LONGEST_NAME - 9) :].strip("-")
    return f"{word}-{hashlib.sha256(file.encode()).hexdigest()[:8]}"
