"""A corpus -> a folder of features, in parallel processes, each clip whole or not at all.

    out/tracks/NAME.npz     landmarks and sound, kept so that a new motion basis needs no tracking
    out/features/NAME.npz   what is learned from
    out/rejected/NAME.json  why a clip cannot be used
    out/index.json, out/shard-00000.tar, ...   all features, as `shards` reads them

A clip with a result is skipped, so an interrupted run goes on where it stopped. Tracks that exist
are encoded again when the basis they were encoded on is another one.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from afgen.autoencoder.mesh.basis import load_basis
from afgen.data.features import (
    TrackedClip,
    features_of,
    load_features,
    load_tracked,
    save_features,
    save_tracked,
    track_clip,
)
from afgen.data.shards import Array, Sample, ShardWriter
from afgen.errors import CorruptMediaError, FileMissingError, InputError
from afgen.media.files import atomic_path
from afgen.signals import to_samples

MEDIA_SUFFIXES: Final = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi"})
_BASIS_FILE: Final = "basis.txt"


@dataclass(frozen=True, slots=True)
class Source:
    """One clip to prepare; names are unique within a corpus."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Prepared:
    """What became of one clip: `reason` is None where its features are whole."""

    name: str
    reason: str | None
    skipped: bool = False  # there was a result already


def sources_in(corpus: Path, *, trainable_only: bool = False) -> list[Source]:
    """Clips of a folder (searched through), or of a manifest: a CSV with a column `file`.

    Of a manifest with a column `train_weights`, `trainable_only` takes the rows that say `yes`.
    A folder says nothing of licences, so `trainable_only` leaves none of it.

    Raises FileMissingError if there is no such corpus or no clip in it.
    """
    if corpus.is_dir():
        files = [] if trainable_only else _media_in(corpus)
    elif corpus.is_file():
        files = list(_rows_of(corpus, trainable_only=trainable_only))
    else:
        raise FileMissingError(f"There is no corpus {corpus}.")
    root = corpus if corpus.is_dir() else corpus.parent
    sources = [Source(_name_of(path.relative_to(root)), path) for path in files]
    if not sources:
        raise FileMissingError(f"There is no usable clip in {corpus}.")
    return sources


def _media_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in MEDIA_SUFFIXES)


def _rows_of(manifest: Path, *, trainable_only: bool) -> Iterator[Path]:
    with manifest.open(newline="", encoding="utf-8") as text:
        for row in csv.DictReader(text):
            if trainable_only and row.get("train_weights") != "yes":
                continue
            path = manifest.parent / row["file"]
            if path.suffix.lower() in MEDIA_SUFFIXES:
                yield path


def _name_of(relative: Path) -> str:
    return "__".join(relative.with_suffix("").parts)


def prepare(
    sources: Iterable[Source],
    out: Path,
    *,
    workers: int = 2,
    on_done: Callable[[Prepared], None] = lambda done: None,
) -> list[Prepared]:
    """Prepare all clips; calls `on_done` after each, in the order in which they finish.

    Raises OutputError if `out` cannot be written. Clips that cannot be used raise nothing: their
    reason is recorded and returned.
    """
    for part in ("tracks", "features", "rejected"):
        (out / part).mkdir(parents=True, exist_ok=True)
    _forget_other_basis(out)
    waiting = list(sources)
    results: list[Prepared] = []
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running = [pool.submit(prepare_clip, source, out) for source in waiting]
        try:
            for future in as_completed(running):
                results.append(future.result())
                on_done(results[-1])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    pack(out)
    return sorted(results, key=lambda done: done.name)


def pack(out: Path) -> None:
    """All features of the folder as shards, in the order of their names."""
    with ShardWriter(out, {"basis_sha256": load_basis().sha256}) as writer:
        for path in sorted((out / "features").glob("*.npz")):
            features = load_features(path)
            arrays: dict[str, Array] = {
                "avatar_motion_TD": features.motion_TD,
                "avatar_mouth_T": features.mouth_T,
                "avatar_eyes_T": features.eyes_T,
                "avatar_audio_S": to_samples(features.audio_S),
            }
            writer.add(Sample(path.stem, {"frames": len(features.motion_TD)}, arrays))


def _forget_other_basis(out: Path) -> None:
    """Features belong to one basis: those of another one are removed, their tracks stay."""
    mark, current = out / _BASIS_FILE, load_basis().sha256
    if mark.is_file() and mark.read_text().strip() == current:
        return
    for path in (out / "features").glob("*.npz"):
        path.unlink()
    with atomic_path(mark) as temporary:
        temporary.write_text(current + "\n")


def prepare_clip(source: Source, out: Path) -> Prepared:
    """Track and encode one clip, or take what is there already."""
    rejected = out / "rejected" / f"{source.name}.json"
    features = out / "features" / f"{source.name}.npz"
    if rejected.is_file():
        return Prepared(source.name, json.loads(rejected.read_text())["reason"], skipped=True)
    if _is_whole(features):
        return Prepared(source.name, None, skipped=True)
    try:
        clip = _tracked(source, out / "tracks" / f"{source.name}.npz")
        save_features(features_of(clip, load_basis()), features)
    except InputError as error:
        reason = {"reason": error.message, "code": error.code, "file": source.path.name}
        with atomic_path(rejected) as temporary:
            temporary.write_text(json.dumps(reason, indent=2) + "\n")
        return Prepared(source.name, error.message)
    return Prepared(source.name, None)


def _tracked(source: Source, stored: Path) -> TrackedClip:
    if stored.is_file():
        try:
            return load_tracked(stored)
        except CorruptMediaError:
            stored.unlink()
    clip = track_clip(source.path)
    save_tracked(clip, stored)
    return clip


def _is_whole(features: Path) -> bool:
    if not features.is_file():
        return False
    try:
        load_features(features)
    except CorruptMediaError:
        return False
    return True
