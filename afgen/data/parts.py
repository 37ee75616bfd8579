"""What became of each recording, kept beside the shards until all of them are packed.

A part is a small set of shards of its own, whose index is written last: it is there whole or it has
to be made again, whatever killed the process. Packing reads the parts in the order of their names,
so the bytes of the result do not depend on who made them, in which order, or how often.

Shape letters: B bytes.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from afgen.data.crops import THUMBNAIL
from afgen.data.families import load_extras
from afgen.data.sampling import REJECTED, SIDES, SampleConfig, samples_of
from afgen.data.shards import SHARD_BYTES, ShardSet, ShardWriter, open_shards
from afgen.data.sources import Source
from afgen.errors import FileMissingError, InputError, ShardsDamagedError
from afgen.media.files import atomic_path, sha256_of
from afgen.media.probe import probe

PARTS: Final = "parts"
REJECTED_FILE: Final = "rejected.json"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one recording."""

    name: str
    kept: int
    rejected: int
    reason: str | None  # why nothing at all could be made of it
    duration_s: float = 0.0
    skipped: bool = False  # its part was there already


@dataclass(frozen=True, slots=True)
class Finding:
    """A sample as the report shows it.

    Thumbnails (JPEG, by side) are read when they are asked for: a large corpus has millions.
    """

    key: str
    metadata: Mapping[str, Any]
    thumbnails: Callable[[], Mapping[str, bytes]]


@dataclass(frozen=True, slots=True)
class Packed:
    """All that was found in a corpus."""

    kept: list[Finding]
    rejected: list[Finding]
    unusable: list[dict[str, str]]  # recordings of which nothing could be made: file, code, reason


def find_part(source: Source, out: Path, fingerprint: str) -> Outcome | None:
    """What became of a recording that has been prepared, as it is and with these settings."""
    part = _whole(out / PARTS / source.name, _stamp(source, fingerprint))
    return None if part is None else _outcome(source.name, part, skipped=True)


def make_part(source: Source, out: Path, config: SampleConfig, fingerprint: str) -> Outcome:
    """Prepare one recording."""
    folder = out / PARTS / source.name
    stamp = _stamp(source, fingerprint)
    about: dict[str, Any] = {"stamp": stamp, "error": None, "duration_s": 0.0}
    with ShardWriter(folder, about) as writer:
        try:
            sha256 = sha256_of(source.path)
            about["duration_s"] = probe(source.path).duration_s
            for sample in samples_of(source, sha256, config, load_extras(config.families)):
                writer.add(sample)
        except InputError as error:
            file = source.file or source.path.name
            about["error"] = {"file": file, "code": error.code, "reason": error.message}
    return _outcome(source.name, open_shards(folder))


def record_death(source: Source, out: Path, fingerprint: str) -> Outcome:
    """The part of a recording at which a process of its own died: a crash, or too little memory."""
    file = source.file or source.path.name
    reason = f"{file}: the process that read it died."
    error = {"file": file, "code": "process_died", "reason": reason}
    about = {"stamp": _stamp(source, fingerprint), "error": error, "duration_s": 0.0}
    with ShardWriter(out / PARTS / source.name, about):
        pass
    return Outcome(source.name, 0, 0, reason)


def _stamp(source: Source, fingerprint: str) -> dict[str, Any]:
    """What a part has to be made of to be taken as it is."""
    facts = {"file": source.file, **source.facts, "voices": [path.name for path in source.voices]}
    stamp: dict[str, Any] = {"settings": fingerprint, "facts": facts}
    if source.path.is_file():
        status = source.path.stat()
        stamp |= {"bytes": status.st_size, "changed_ns": status.st_mtime_ns}
    return stamp


def _whole(folder: Path, stamp: dict[str, Any]) -> ShardSet | None:
    try:
        part = open_shards(folder)
        if part.about["stamp"] != stamp:
            return None
        if any((folder / shard.name).stat().st_size != shard.size for shard in part.shards):
            return None
    except (FileMissingError, ShardsDamagedError, KeyError, OSError):
        return None
    return part


def _outcome(name: str, part: ShardSet, *, skipped: bool = False) -> Outcome:
    rejected = sum(REJECTED in entry.metadata for entry in part.entries)
    error = part.about["error"]
    return Outcome(
        name,
        len(part) - rejected,
        rejected,
        None if error is None else error["reason"],
        part.about["duration_s"],
        skipped,
    )


def pack_parts(
    names: Iterable[str], out: Path, about: dict[str, Any], *, shard_bytes: int = SHARD_BYTES
) -> Packed:
    """All parts as one set of shards in `out`, with `rejected.json` beside it.

    A recording that failed halfway gives nothing. What is found reads its thumbnails from the
    parts, so these go last. Raises FileMissingError that names the recordings whose parts are
    missing.
    """
    names = sorted(names)
    parts = out / PARTS
    if missing := [name for name in names if not (parts / name / "index.json").is_file()]:
        raise FileMissingError(
            f"{len(missing)} of {len(names)} recordings are not prepared yet: "
            f"{', '.join(missing[:5])}{' ...' if len(missing) > 5 else ''}.",
            hint="Run the other shards, or the same command without --merge.",
        )
    packed = Packed([], [], [])
    with ShardWriter(out, about, shard_bytes=shard_bytes) as writer:
        for name in names:
            _pack_part(parts / name, writer, packed)
        with atomic_path(out / REJECTED_FILE) as temporary:
            temporary.write_text(_rejected(packed), encoding="utf-8")
    return packed


def _pack_part(folder: Path, writer: ShardWriter, packed: Packed) -> None:
    part = open_shards(folder)
    if part.about["error"] is not None:
        packed.unusable.append(dict(part.about["error"]))
        return
    for entry in part.entries:
        found = Finding(entry.key, entry.metadata, partial(_thumbnails, folder, entry.key))
        if REJECTED in entry.metadata:
            packed.rejected.append(found)
        else:
            packed.kept.append(found)
            writer.add(part.read(entry.key))


def _thumbnails(folder: Path, key: str) -> dict[str, bytes]:
    fields = {f"{side}_{THUMBNAIL}": side for side in SIDES}
    arrays = open_shards(folder).read(key, fields).arrays
    return {fields[name]: array.tobytes() for name, array in arrays.items()}


def _rejected(packed: Packed) -> str:
    """One sample or recording a line."""
    left_out = [{"key": one.key, **one.metadata} for one in packed.rejected]
    lines = [json.dumps(one, sort_keys=True, ensure_ascii=False) for one in left_out]
    unusable = [json.dumps(one, sort_keys=True, ensure_ascii=False) for one in packed.unusable]
    samples, recordings = ",\n".join(lines), ",\n".join(unusable)
    return f'{{"samples": [\n{samples}\n],\n"recordings": [\n{recordings}\n]}}\n'


def forget_parts(out: Path) -> None:
    """Remove what only a later run with more recordings would need."""
    shutil.rmtree(out / PARTS, ignore_errors=True)


def fingerprint_of(settings: dict[str, Any]) -> str:
    """A short name for all settings that decide a part's content."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
