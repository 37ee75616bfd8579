"""Tracked landmarks of prepared samples, for fitting a motion basis and measuring it.

Shape letters: T frames, N = 478 landmarks.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from afgen.data.shards import ShardSet, open_shards
from afgen.errors import FileMissingError
from afgen.signals import Floats

_FIELDS: Final = tuple(f"{side}_landmarks_TN3" for side in ("avatar", "user"))


def landmarks_in(shards_dir: Path) -> dict[str, Callable[[], Floats]]:
    """What reads the landmarks (T, N, 3) of each face that was seen, by its name, in order.

    Raises FileMissingError where the samples were prepared without them.
    """
    shards = open_shards(shards_dir)
    found: dict[str, Callable[[], Floats]] = {
        f"{entry.key}.{field}": partial(_tracked, shards, entry.key, field)
        for entry in shards.entries
        for field in _FIELDS
        if field in entry.places
    }
    if not found:
        raise FileMissingError(
            f"The samples in {shards_dir} have no landmarks.",
            hint="Prepare them with --landmarks.",
        )
    return found


def _tracked(shards: ShardSet, key: str, field: str) -> Floats:
    """Only frames in which the face was seen; bridged ones say nothing new."""
    seen = field.replace("landmarks_TN3", "seen_T")
    arrays = shards.read(key, (field, seen)).arrays
    tracked_TN3: Floats = arrays[field][arrays[seen]]
    return tracked_TN3
