"""`afgen bench service`: how much the service bears on this machine."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from afgen.cli.terminal import Json, print_json, print_table, stoppable

if TYPE_CHECKING:
    from afgen.jobs.bench.load import Figures
    from afgen.jobs.bench.queues import QueueFigures
    from afgen.jobs.embedded.folder import DataFolder
    from afgen.jobs.store import Store

QUEUES = (100, 10_000)


def service(
    rate_hz: Annotated[float, typer.Option("--rate", help="Requests a second.", min=1)] = 100.0,
    seconds: Annotated[float, typer.Option(help="How long.", min=1)] = 60.0,
    as_json: Json = False,
) -> None:
    """Put a mixed load on an API of its own, and claim jobs from short and very long queues.

    Database, Redis and files lie in a temporary folder; nothing is rendered.

    [bold]Example[/]  afgen bench service --rate 100 --seconds 60
    """
    with stoppable():
        load = _load(rate_hz, seconds)
        queues = [_queue(waiting) for waiting in QUEUES]
    if as_json:
        print_json(json.dumps({"load": asdict(load), "queues": [asdict(q) for q in queues]}))
        return
    _show(load, queues)


def _load(rate_hz: float, seconds: float) -> "Figures":
    from afgen.jobs.bench.load import run_load
    from afgen.jobs.embedded.stack import Stack, free_port, listening
    from afgen.jobs.embedded.supervisor import Supervisor

    with _folder() as folder, listening(0) as listener:
        token = _token(folder)
        stack = Stack(folder, listener, free_port())
        redis, (api, *_) = stack.waves
        with Supervisor((redis, (api,)), lambda _name, _news: None):
            return run_load(stack.url, token, rate_hz=rate_hz, seconds=seconds)


def _queue(waiting: int) -> "QueueFigures":
    from afgen.jobs.bench.queues import queue_speed

    with _folder() as folder, _store(folder) as store:
        tenant = store.tenants.create("bench")
        return queue_speed(store, tenant.id, waiting, claims=100)


@contextmanager
def _folder() -> "Iterator[DataFolder]":
    from afgen.jobs.embedded.folder import DataFolder
    from migrations import upgrade

    with TemporaryDirectory(prefix="afgen-bench-") as path:
        folder = DataFolder(Path(path))
        folder.prepare()
        upgrade(folder.settings)
        yield folder


@contextmanager
def _store(folder: "DataFolder") -> "Iterator[Store]":
    from afgen.jobs.store import open_store

    store = open_store(folder.settings)
    try:
        yield store
    finally:
        store.close()


def _token(folder: "DataFolder") -> str:
    from afgen.jobs.keys import Scope, create_key

    with _store(folder) as store:
        tenant = store.tenants.create("bench")
        scopes = frozenset({Scope.READ, Scope.WRITE})
        return create_key(store, tenant.id, "bench", scopes, at=store.database.now())[1]


def _show(load: "Figures", queues: "list[QueueFigures]") -> None:
    print_table(
        ("requests", "a second", "errors", "p50", "p95", "p99", "longest"),
        [
            (
                str(load.requests), f"{load.per_s:.1f}", str(load.errors), f"{load.p50_ms:.1f} ms",
                f"{load.p95_ms:.1f} ms", f"{load.p99_ms:.1f} ms", f"{load.longest_ms:.1f} ms",
            )
        ],
    )  # fmt: skip
    print_table(
        ("call", "p99"), [(name, f"{ms:.1f} ms") for name, ms in load.slowest_calls.items()]
    )
    if load.error_kinds:
        failed = [(kind, str(times)) for kind, times in load.error_kinds.items()]
        print_table(("failed (0: no answer)", "times"), failed)
    print_table(
        ("waiting", "made in", "page of 50, p50", "p95", "claims a second"),
        [
            (
                str(queue.waiting), f"{queue.filled_s:.2f} s", f"{queue.page_p50_ms:.1f} ms",
                f"{queue.page_p95_ms:.1f} ms", f"{queue.claims_per_s:.0f}",
            )
            for queue in queues
        ],
    )  # fmt: skip
