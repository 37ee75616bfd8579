"""The folder of imported weights: one set a folder, with all that is known of it in `set.json`."""

import json
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from afgen.checkpoint import load_checkpoint
from afgen.errors import OptionError, WeightsDamagedError, WeightsError, WeightsMissingError
from afgen.media.files import writing

FOLDER_VARIABLE: Final = "AFGEN_WEIGHTS"
RECORD: Final = "set.json"
_NEW, _OLD = ".new", ".old"  # suffixes of hidden folders that are being made or deleted
_ABANDONED_S: Final = 24 * 3600
PARTS: Final[Mapping[str, tuple[str, ...]]] = {  # what a complete set holds
    "avatar-forcing": ("autoencoder", "generator", "wav2vec2"),
    "lia-vox": ("autoencoder",),
    "float": ("autoencoder",),
    "trained": ("autoencoder", "generator", "wav2vec2"),
}
HOW_TO_IMPORT: Final[Mapping[str, str]] = {
    "avatar-forcing": (
        "Download motion_autoencoder.pth and flow_transformer.pth from the authors of Avatar "
        "Forcing and the folder wav2vec2-base-960h from Hugging Face, then run `afgen weights "
        "import avatar-forcing --autoencoder motion_autoencoder.pth --generator "
        "flow_transformer.pth --wav2vec2 wav2vec2-base-960h`."
    ),
    "lia-vox": (
        "Download vox.pt from the authors of LIA, then run `afgen weights import lia vox.pt`."
    ),
    "float": (
        "Download float.pth from the authors of FLOAT, then run `afgen weights import "
        "float-autoencoder float.pth`."
    ),
    "trained": (
        "Train both with `afgen train autoencoder` and `afgen train generator --recipe "
        "avatar-forcing`, then run `afgen weights import trained --autoencoder "
        "autoencoder.safetensors --generator generator.safetensors --wav2vec2 wav2vec2-base-960h`."
    ),
}


class Origin(BaseModel):
    """The file that a part was made from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    sha256: str
    size_bytes: int
    url: str | None = None


class Installed(BaseModel):
    """A set of weights in the folder. `sha256` and `source` have one entry for each part."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path = Field(exclude=True)
    name: str
    kind: str
    sha256: dict[str, str]
    source: dict[str, Origin]
    licence: str
    licence_url: str
    notice: str
    imported_at: str  # UTC, ISO 8601
    tool: str
    time_direction: str | None = None
    mask: str | None = None
    remarks: tuple[str, ...] = ()

    @property
    def files(self) -> dict[str, Path]:
        """The file of each part."""
        return {part: self.folder / f"{part}.safetensors" for part in self.sha256}

    @property
    def lacks(self) -> tuple[str, ...]:
        """Parts that have not been imported yet."""
        return tuple(part for part in PARTS[self.name] if part not in self.sha256)

    @property
    def size_bytes(self) -> int:
        """Room the files take."""
        return sum(path.stat().st_size for path in self.files.values() if path.is_file())


def store_folder() -> Path:
    """Where imported weights lie: AFGEN_WEIGHTS, else the platform's folder for programs' data."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen).expanduser()
    home = Path.home()
    if sys.platform == "darwin":
        data = home / "Library" / "Application Support"
    elif sys.platform == "win32":
        data = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    else:
        data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return data / "afgen" / "weights"


def installed() -> list[Installed]:
    """All sets in the folder, by name. Raises WeightsDamagedError for one that cannot be read."""
    return [known for name in sorted(PARTS) if (known := look_up(name)) is not None]


def look_up(name: str) -> Installed | None:
    """The set as far as it has been imported. Raises OptionError, WeightsDamagedError."""
    _require_known(name)
    folder = store_folder() / name
    record = folder / RECORD
    if not record.is_file():
        return None
    try:
        stored = json.loads(record.read_text(encoding="utf-8"))
        return Installed.model_validate({**stored, "folder": folder})
    except (OSError, ValueError, TypeError) as error:
        raise WeightsDamagedError(
            f"{record} cannot be read: {error}", hint=_import_again(name)
        ) from error


def find(name: str) -> Installed:
    """A complete set.

    Raises OptionError for an unknown name, WeightsMissingError that says how to get the weights,
    WeightsDamagedError.
    """
    known = look_up(name)
    if known is None or known.lacks:
        raise missing(name, known)
    return known


def missing(name: str, known: Installed | None = None) -> WeightsMissingError:
    """The error for a set that is not there, or not all of it; it says how to get it."""
    said = f"the weights of {name} have not been imported into {store_folder()}."
    if known is not None:
        said = f"the imported weights of {name} lack: {', '.join(known.lacks)}."
    return WeightsMissingError(said, hint=HOW_TO_IMPORT[name])


def verify(name: str) -> Installed:
    """Read every file of a set and compare it with what was written by the import.

    Raises WeightsMissingError, WeightsDamagedError, WeightsMismatchError; OptionError.
    """
    known = look_up(name)
    if known is None:
        raise missing(name)
    for part, path in known.files.items():
        try:
            load_checkpoint(path, sha256=known.sha256[part])
        except WeightsError as error:
            raise type(error)(error.message, hint=_import_again(name)) from error
    return known


def remove(name: str) -> Installed | None:
    """Delete a set, or what is left of a damaged one; the record it had, if it was readable.

    Raises WeightsMissingError where there is none; OptionError, OutputUnwritableError.
    """
    try:
        known = look_up(name)
    except WeightsDamagedError:
        known = None
    folder = store_folder() / name
    if not folder.is_dir():
        raise missing(name)
    with writing(folder):
        _discard(folder)
    return known


@contextmanager
def replacing(name: str) -> Iterator[Path]:
    """An empty folder that becomes the set when the block ends well; else nothing has changed.

    Raises OutputUnwritableError, DiskFullError.
    """
    _require_known(name)
    store = store_folder()
    with writing(store):
        store.mkdir(parents=True, exist_ok=True)
        _sweep(store)
        fresh = Path(tempfile.mkdtemp(prefix=f".{name}.", suffix=_NEW, dir=store))
        fresh.chmod(stat.S_IMODE(store.stat().st_mode))
    try:
        with writing(store):
            yield fresh
            if (store / name).exists():
                _discard(store / name)
            fresh.replace(store / name)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def keep_part(known: Installed, part: str, fresh: Path) -> None:
    """Put a part of the present set into the folder that will replace it, without copying it.

    Raises WeightsMissingError.
    """
    source = known.files[part]
    if not source.is_file():
        raise WeightsMissingError(f"{source} is gone.", hint=_import_again(known.name))
    try:
        (fresh / source.name).hardlink_to(source)
    except OSError:  # a file system without links
        shutil.copy2(source, fresh / source.name)


def write_record(record: Installed, folder: Path) -> None:
    """The last file of a set: without it a folder is none."""
    text = record.model_dump_json(indent=2, exclude_none=True)
    (folder / RECORD).write_text(text + "\n", encoding="utf-8")


def _discard(folder: Path) -> None:
    """Out of sight at once, then deleted."""
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=_OLD, dir=folder.parent))
    folder.replace(old / folder.name)
    shutil.rmtree(old, ignore_errors=True)


def _sweep(store: Path) -> None:
    """Delete what imports that were killed have left; younger ones may still be running."""
    for folder in store.glob(".*"):
        if folder.suffix in (_NEW, _OLD) and time.time() - folder.stat().st_mtime > _ABANDONED_S:
            shutil.rmtree(folder, ignore_errors=True)


def _import_again(name: str) -> str:
    return f"Run `afgen weights remove {name}` and import the set again."


def _require_known(name: str) -> None:
    if name not in PARTS:
        raise OptionError(
            f"there is no set of weights {name!r}.", hint=f"Known sets: {', '.join(PARTS)}."
        )
