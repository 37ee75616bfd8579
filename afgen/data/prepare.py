"""A corpus -> shards: recordings prepared by parallel processes, packed in one order.

    out/parts/NAME/       what became of each recording; made once, whole or not at all
    out/index.json, ...   the shards
    out/rejected.json     what was left out, and why
    out/report.html/.png  what somebody should look at before training

Kill it whenever you like: the same command goes on with the recordings that are not done, and the
shards are the same to the last byte, whatever the number of processes or machines.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import threadpoolctl

from afgen.autoencoder.mesh.basis import load_basis
from afgen.data.families import weights_of
from afgen.data.parts import (
    Outcome,
    Packed,
    find_part,
    fingerprint_of,
    make_part,
    pack_parts,
    record_death,
)
from afgen.data.sampling import SampleConfig
from afgen.data.separation import WAYS
from afgen.data.shards import SHARD_BYTES
from afgen.data.sources import Source

Make = Callable[..., Outcome]  # as `make_part`
Work = Callable[[Source], Outcome]

RECIPE: Final = 1  # counts changes of this code that change what is made of a recording
_WATCH_S: Final = 0.5


def prepare(
    sources: Sequence[Source],
    out: Path,
    config: SampleConfig,
    *,
    workers: int = 2,
    on_done: Callable[[Outcome], None] = lambda done: None,
    make: Make = make_part,
) -> list[Outcome]:
    """Make the parts of all recordings; calls `on_done` after each, as they finish.

    `make` is run in other processes. A recording that kills its process every time it is tried is
    recorded as unusable.

    Raises OutputError if `out` cannot be written, WeightsError where a family lacks its weights.
    Recordings that cannot be used raise nothing: the reason is kept in their part.
    """
    fingerprint = fingerprint_of(settings_of(config) | {"voices": config.voices})
    out.mkdir(parents=True, exist_ok=True)
    found = {source.name: find_part(source, out, fingerprint) for source in sources}
    outcomes = [outcome for outcome in found.values() if outcome is not None]
    for outcome in outcomes:
        on_done(outcome)
    missing = [source for source in sources if found[source.name] is None]
    work = partial(make, out=out, config=config, fingerprint=fingerprint)
    died = partial(record_death, out=out, fingerprint=fingerprint)
    for outcome in _make_all(missing, work, died, workers):
        outcomes.append(outcome)
        on_done(outcome)
    return sorted(outcomes, key=lambda done: done.name)


def _make_all(sources: Sequence[Source], work: Work, died: Work, workers: int) -> Iterator[Outcome]:
    """Outcomes as they come. Whoever may have killed a process is tried again with one alone."""
    waiting = {source.name: source for source in sources}
    while waiting:
        try:
            for outcome in _in_processes(list(waiting.values()), work, workers):
                del waiting[outcome.name]
                yield outcome
        except BrokenProcessPool:
            for suspect in list(waiting.values())[:workers]:  # they are begun in this order
                del waiting[suspect.name]
                yield _alone(suspect, work, died)


def _alone(source: Source, work: Work, died: Work) -> Outcome:
    try:
        return next(_in_processes([source], work, 1))
    except BrokenProcessPool:
        return died(source)


def _in_processes(sources: Sequence[Source], work: Work, workers: int) -> Iterator[Outcome]:
    """Outcomes of parallel processes. Raises BrokenProcessPool when one of them dies."""
    with ProcessPoolExecutor(
        min(workers, len(sources)),
        get_context("spawn"),
        initializer=_begin_worker,
        initargs=(os.getpid(),),
    ) as pool:
        running = [pool.submit(work, source) for source in sources]
        try:
            for future in as_completed(running):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def pack(
    sources: Sequence[Source],
    out: Path,
    config: SampleConfig,
    *,
    shard_bytes: int = SHARD_BYTES,
) -> Packed:
    """Parts of all recordings -> shards. Raises FileMissingError where a part is missing."""
    about = settings_of(config)
    return pack_parts((source.name for source in sources), out, about, shard_bytes=shard_bytes)


def share_of(sources: Sequence[Source], index: int, count: int) -> list[Source]:
    """The recordings that machine `index` of `count` prepares."""
    return list(sources[index::count])


def settings_of(config: SampleConfig) -> dict[str, Any]:
    """All that decides what is made of a recording, as it is written into the index.

    Of a separator's folder only that there was one: where it lay is this machine's matter.
    """
    voices = config.voices if config.voices in WAYS else "folder"
    return {
        "recipe": RECIPE,
        "config": asdict(config) | {"families": list(config.families), "voices": voices},
        "basis_sha256": load_basis().sha256,
        "weights_sha256": weights_of(config.families),
    }


def _begin_worker(parent: int) -> None:
    """One thread for arithmetic (its last bits depend on the number), and no life after ours."""
    threadpoolctl.threadpool_limits(1)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """A killed process cannot tell its workers to stop, so they look after it themselves."""
    while os.getppid() == parent:
        time.sleep(_WATCH_S)
    os._exit(1)
