"""Prepared samples on disk: tar files that any tool opens, and an index to read them by offset.

    SHARDS/index.json        what the shards are made of, each one's size and SHA-256, every
                             sample's metadata and where each of its arrays lies
    SHARDS/shard-00000.tar   KEY.json, KEY.FIELD.npy, ...; whole samples, in the index's order

A sample is one stretch of one recording, all of it on one clock: T frames of 25 Hz, S = 640 T
samples of 16 kHz. Fields are named by side, value and shape; what is not known is absent, so a clip
of one person has no `user_` field.

    avatar_motion_TD   float32  mesh coefficients    avatar_mouth_T   float32  inner lips' opening
    avatar_audio_S     int16    the voice alone      avatar_eyes_T    float32  eyes' opening
    user_...                    the same of the other person

The bytes are a function of the samples and their order: no times, owners or names of this machine.
Only `index.json` is read whole; arrays, and rows of them, are read by range, so that shards may lie
wherever ranges can be read: `Storage` is all that a bucket has to offer.

Shape letters: T frames, S samples, D motion, X any further dimensions.
"""

import dataclasses
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from afgen.errors import FileMissingError, ShardsDamagedError
from afgen.media.files import atomic_path

Array = NDArray[Any]
Metadata = Mapping[str, Any]

FORMAT: Final = "afgen shards 1"
INDEX: Final = "index.json"
SHARD_BYTES: Final = 256 << 20  # large enough to stream well, small enough to copy again
_TAR_BLOCK: Final = 512
_MODE: Final = 0o644


@dataclass(frozen=True, slots=True)
class Sample:
    """One stretch of one recording with the arrays that were asked for."""

    key: str
    metadata: Metadata
    arrays: Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the numbers of an array lie: little-endian, rows one after the other."""

    at: int  # first byte in the shard, behind the array's own header
    dtype: str
    shape: tuple[int, ...]

    @property
    def row_bytes(self) -> int:
        """Bytes of one step along the first axis."""
        return int(np.dtype(self.dtype).itemsize * np.prod(self.shape[1:], dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Entry:
    """What the index knows of a sample."""

    key: str
    shard: str
    metadata: Metadata
    places: Mapping[str, Place]


@dataclass(frozen=True, slots=True)
class ShardFile:
    """One tar file."""

    name: str
    size: int
    samples: int
    sha256: str


class Storage(Protocol):
    """Where shards lie: a folder, or a bucket that answers ranged reads."""

    def read(self, name: str, start: int = 0, size: int | None = None) -> bytes:
        """`size` bytes of the object from `start` on, or all that follow; fewer at its end.

        Raises FileMissingError where there is no such object.
        """
        ...


@dataclass(frozen=True, slots=True)
class Folder:
    """Shards in a folder of this machine."""

    path: Path

    def read(self, name: str, start: int = 0, size: int | None = None) -> bytes:
        """See `Storage`."""
        try:
            with (self.path / name).open("rb") as file:
                file.seek(start)
                return file.read(-1 if size is None else size)
        except (FileNotFoundError, NotADirectoryError):
            raise FileMissingError(f"There is no {name} in {self.path}.") from None


@dataclass(frozen=True)
class ShardSet:
    """Prepared samples in their order. Holds the index; arrays are read when they are asked for."""

    storage: Storage
    about: Metadata  # how they were prepared
    shards: tuple[ShardFile, ...]
    entries: tuple[Entry, ...]

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def keys(self) -> list[str]:
        """Names of all samples, in order."""
        return [entry.key for entry in self.entries]

    @cached_property
    def _by_key(self) -> dict[str, Entry]:
        return {entry.key: entry for entry in self.entries}

    def entry(self, key: str) -> Entry:
        """Metadata and shapes, without reading a shard. Raises FileMissingError."""
        try:
            return self._by_key[key]
        except KeyError:
            raise FileMissingError(f"There is no sample {key} in the shards.") from None

    def read(self, key: str, fields: Iterable[str] | None = None) -> Sample:
        """A sample with all its arrays, or with those of `fields` that it has.

        Raises FileMissingError for an unknown key, ShardsDamagedError for a shard cut short.
        """
        entry = self.entry(key)
        wanted = entry.places if fields is None else fields
        arrays = {name: self._rows(entry, name) for name in wanted if name in entry.places}
        return Sample(key, entry.metadata, arrays)

    def rows(self, key: str, name: str, start: int, stop: int) -> Array:
        """Steps [start, stop) along the first axis of one array, and nothing else of it.

        Raises as `read`, and FileMissingError where the sample lacks the field.
        """
        entry = self.entry(key)
        if name not in entry.places:
            raise FileMissingError(f"The sample {key} has no {name}.")
        return self._rows(entry, name, start, stop)

    def _rows(self, entry: Entry, name: str, start: int = 0, stop: int | None = None) -> Array:
        place = entry.places[name]
        first, last, _ = slice(start, stop).indices(place.shape[0] if place.shape else 1)
        size = max(last - first, 0) * place.row_bytes
        data = self.storage.read(entry.shard, place.at + first * place.row_bytes, size)
        if len(data) != size:
            raise ShardsDamagedError(f"{entry.shard} is cut short within {entry.key}.{name}.")
        shape = (max(last - first, 0), *place.shape[1:]) if place.shape else ()
        return np.frombuffer(bytearray(data), place.dtype).reshape(shape)

    def verify(self) -> None:
        """Read every shard whole. Raises ShardsDamagedError where a hash is not the index's."""
        for shard in self.shards:
            if hashlib.sha256(self.storage.read(shard.name)).hexdigest() != shard.sha256:
                raise ShardsDamagedError(f"{shard.name} is not what the index says it is.")


def open_shards(source: Path | Storage) -> ShardSet:
    """The samples of a folder of shards, or of another storage of them.

    Raises FileMissingError where there is no index, ShardsDamagedError where it cannot be read.
    """
    storage = Folder(source) if isinstance(source, Path) else source
    try:
        index = json.loads(storage.read(INDEX))
        if index["format"] != FORMAT:
            raise ValueError(f"its format is {index['format']!r}, not {FORMAT!r}")
        return ShardSet(
            storage,
            index["about"],
            tuple(ShardFile(**shard) for shard in index["shards"]),
            tuple(_entry(stored) for stored in index["samples"]),
        )
    except FileMissingError:
        raise FileMissingError(
            f"There are no prepared shards in {source}.",
            hint="Make them with `afgen prepare CORPUS -o SHARDS`.",
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise ShardsDamagedError(f"The index of {source} cannot be read: {error}.") from error


def _entry(stored: Mapping[str, Any]) -> Entry:
    places = {
        name: Place(at, dtype, tuple(shape))
        for name, (at, dtype, shape) in stored["arrays"].items()
    }
    return Entry(stored["key"], stored["shard"], stored["metadata"], places)


@dataclass
class ShardWriter:
    """Writes samples in the order they are given; the index comes last and makes them a set.

    A context: on an exception no index appears. Shards of an earlier set in the folder that are not
    written again are removed once the new index stands.
    """

    folder: Path
    about: Metadata
    shard_bytes: int = SHARD_BYTES
    _shards: list[ShardFile] = field(default_factory=list)
    _entries: list[Entry] = field(default_factory=list)
    _pending: list[tuple[Sample, bytes]] = field(default_factory=list)
    _pending_bytes: int = 0

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / INDEX).unlink(missing_ok=True)
        for leftover in (*self.folder.glob(".shard-*"), *self.folder.glob(".index.*")):
            leftover.unlink()  # of a writer that was killed
        return self

    def add(self, sample: Sample) -> None:
        """Append a sample; keys must be new, without a dot, and fit a tar header."""
        metadata = _json(sample.metadata).encode()
        size = len(metadata) + sum(array.nbytes for array in sample.arrays.values())
        if self._pending and self._pending_bytes + size > self.shard_bytes:
            self._flush()
        self._pending.append((sample, metadata))
        self._pending_bytes += size

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            return
        if self._pending:
            self._flush()
        with atomic_path(self.folder / INDEX) as temporary:
            temporary.write_text(self._index(), encoding="utf-8")
        written = {shard.name for shard in self._shards}
        for path in self.folder.glob("shard-*.tar"):
            if path.name not in written:
                path.unlink()

    def _flush(self) -> None:
        name = f"shard-{len(self._shards):05d}.tar"
        with atomic_path(self.folder / name) as temporary:
            with tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
                for sample, metadata in self._pending:
                    self._entries.append(_append(tar, name, sample, metadata))
            digest = hashlib.sha256()
            with temporary.open("rb") as file:
                while chunk := file.read(1 << 20):
                    digest.update(chunk)
            size = temporary.stat().st_size
        shard = ShardFile(name, size, len(self._pending), digest.hexdigest())
        self._shards.append(shard)
        self._pending, self._pending_bytes = [], 0

    def _index(self) -> str:
        """One shard and one sample a line, so that two indices can be compared by eye."""
        shards = [_json(dataclasses.asdict(shard)) for shard in self._shards]
        samples = [
            _json(
                {
                    "key": entry.key,
                    "shard": entry.shard,
                    "metadata": entry.metadata,
                    "arrays": {
                        name: [place.at, place.dtype, place.shape]
                        for name, place in entry.places.items()
                    },
                }
            )
            for entry in self._entries
        ]
        head = f'"format": {_json(FORMAT)},\n"about": {_json(self.about)}'
        shard_lines, sample_lines = ",\n".join(shards), ",\n".join(samples)
        return f'{{{head},\n"shards": [\n{shard_lines}\n],\n"samples": [\n{sample_lines}\n]}}\n'


def _append(tar: tarfile.TarFile, shard: str, sample: Sample, metadata: bytes) -> Entry:
    _add_member(tar, f"{sample.key}.json", metadata)
    places = {}
    for name, array in sorted(sample.arrays.items()):
        ordered = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        buffer = io.BytesIO()
        np.save(buffer, ordered, allow_pickle=False)
        data = buffer.getvalue()
        begin = _add_member(tar, f"{sample.key}.{name}.npy", data)
        header = len(data) - ordered.nbytes
        places[name] = Place(begin + header, ordered.dtype.str, ordered.shape)
    return Entry(sample.key, shard, sample.metadata, places)


def _add_member(tar: tarfile.TarFile, name: str, data: bytes) -> int:
    """Append a file that says nothing of when or by whom it was made; where its bytes begin."""
    if PurePosixPath(name).name != name or name.count(".") > 2:
        raise ValueError(f"{name!r} cannot be the name of a sample's part")
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), _MODE
    begin = tar.offset + _TAR_BLOCK
    tar.addfile(member, io.BytesIO(data))
    return begin


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
