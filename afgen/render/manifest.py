"""A list of renders that the presets of this machine can make."""

from pathlib import Path

from afgen.errors import OptionError
from afgen.render.lists import Item, Row, read_list, row_error
from afgen.render.possible import require_possible


def read_manifest(path: Path, defaults: Row | None = None) -> list[Item]:
    """The renders that a file or folder lists, all of them possible; see `read_list`.

    Raises ManifestError naming the row, MediaError for a file that cannot be read.
    """
    items = read_list(path, defaults)
    for number, item in enumerate(items, start=1):
        try:
            require_possible(item.settings)
        except OptionError as error:
            raise row_error(path, number, error) from error
    return items
