"""Many renders with models that are loaded once, several recordings as rows of one batch.

While some recordings are generated, drawn and written, the next one is read and understood. With
one row, a recording has the bytes of a render by itself. With more, its motion may differ from that
by the rounding of larger products, less than 1e-4 of its deviation; on a CPU the bits have been the
same.
"""

import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from queue import SimpleQueue

from threadpoolctl import threadpool_limits

from afgen.errors import AfgenError, InputError
from afgen.media.files import sha256_of
from afgen.presets import Models
from afgen.render.ahead import ahead
from afgen.render.output import report_of
from afgen.render.pictures import Picture, film, torch_threads
from afgen.render.progress import Listener, Progress, silent
from afgen.render.report import Report, load_report
from afgen.render.settings import RenderSettings
from afgen.render.take import Order, Take, fingerprint_of, prepared
from afgen.signals import Image


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an order: a report, or what it failed of.

    `skipped`: an earlier run has made exactly this already.
    """

    order: Order
    report: Report | None = None
    error: AfgenError | None = None
    skipped: bool = False


class _StoppedError(Exception):
    """Ends the reading of a recording that nobody waits for any more."""


def render_rows(
    orders: Iterable[Order],
    models: Models,
    settings: RenderSettings,
    *,
    rows: int = 1,
    readers: int = 1,
    progress: Listener = silent,
) -> Iterator[Outcome]:
    """Render all orders, up to `rows` at once, and tell of each as it ends; in no set order.

    All orders have the sampling settings of `settings`, which `models` belong to. An order that
    fails ends alone. Up to `readers` recordings are read at once, which takes as many processor
    cores. Orders are taken as rows become free, and nothing is generated while a free row waits
    for one: give those that are there, not a queue that may run dry. Finished work is not done
    again, and half-made work of the same render is taken up. Raises ValueError for an order of
    other sampling settings.
    """
    models = replace(models, autoencoder=cache(models.autoencoder))  # one for all of a size
    batch = _Batch(models, progress, rows)
    with threadpool_limits(1, "blas"), torch_threads(models), batch.giving_up():
        takes = ahead(batch.prepare(orders, settings.sampling, readers), depth=1)
        pictures = film(takes, models, settings, rows=rows)
        with closing(takes), closing(pictures), batch.stopping():
            for take, picture in pictures:
                yield from batch.use(take, picture)
        yield from batch.ended_otherwise()


def finished(order: Order, models: Models) -> Report | None:
    """The report of an earlier run that has made exactly this, if the video is still that one.

    Raises MediaError for an input that cannot be read.
    """
    try:
        report = load_report(report_of(order.output))
    except InputError:
        return None
    inputs = {role: sha256_of(path) for role, path in order.sources.files.items()}
    if not order.output.is_file() or report.key != fingerprint_of(order, inputs, models):
        return None
    return report if sha256_of(order.output) == report.output_sha256 else None


class _Batch:
    """The takes under way. Some threads prepare them, another uses and ends them."""

    def __init__(self, models: Models, progress: Listener, rows: int) -> None:
        self._models = models
        self._progress = progress
        self._rows = rows
        self._stopped = threading.Event()
        self._open: dict[Take, ExitStack] = {}
        self._ended: SimpleQueue[Outcome] = SimpleQueue()
        self._counting = threading.Lock()
        self._frames_made = self._frames_known = 0
        self._all_known = False

    def prepare(
        self, orders: Iterable[Order], sampling: tuple[object, ...], readers: int
    ) -> Iterator[Take]:
        """Takes in the order of the orders, for as many of these as can be made."""
        reading: deque[Future[Take | None]] = deque()
        with ThreadPoolExecutor(readers, "reading") as pool:
            for order in orders:
                if order.settings.sampling != sampling:
                    raise ValueError("orders with other sampling settings are another batch")
                reading.append(pool.submit(self._begun, order))
                if len(reading) == readers and (take := reading.popleft().result()) is not None:
                    yield take
            for begun in reading:
                if (take := begun.result()) is not None:
                    yield take
        self._all_known = True

    def _begun(self, order: Order) -> Take | None:
        """The order's take; None where there is nothing to do or something is wrong."""
        stack = ExitStack()
        try:
            report = finished(order, self._models)
            if report is not None:
                self._ended.put(Outcome(order, report, skipped=True))
                return None
            take = stack.enter_context(prepared(order, self._telling(order), self._models))
        except AfgenError as error:
            self._ended.put(Outcome(order, error=error))
            return None
        self._open[take] = stack
        self._count(take.first_frame, take.frames)
        return take

    def use(self, take: Take, picture: Picture) -> Iterator[Outcome]:
        """Write a picture of a take, or end it; and tell what has ended meanwhile."""
        yield from self.ended_otherwise()
        if take not in self._open:  # it failed, and this was on its way already
            return
        try:
            if isinstance(picture, AfgenError):
                raise picture
            if picture is not None:
                self._write(take, picture)
                return
            with self._open.pop(take):
                report = take.finish(rows=self._rows)
        except AfgenError as error:
            yield self._failed(take, error)
        else:
            yield Outcome(take.order, report)

    def ended_otherwise(self) -> Iterator[Outcome]:
        """Orders that ended before anything was made of them."""
        while not self._ended.empty():
            yield self._ended.get()

    @contextmanager
    def stopping(self) -> Iterator[None]:
        """Afterwards, no recording is read any more."""
        try:
            yield
        finally:
            self._stopped.set()

    @contextmanager
    def giving_up(self) -> Iterator[None]:
        """Afterwards, takes that are still under way are left to be gone on with."""
        try:
            yield
        finally:
            for stack in self._open.values():
                stack.__exit__(*sys.exc_info())

    def _write(self, take: Take, image_HWC: Image) -> None:
        take.write(image_HWC)
        self._count(1, 0)
        total = self._frames_known if self._all_known else None
        self._progress(Progress("Rendering", self._frames_made, total))
        take.order.listener(Progress("Rendering", take.writer.frames, take.frames))

    def _count(self, made: int, known: int) -> None:
        with self._counting:
            self._frames_made += made
            self._frames_known += known

    def _failed(self, take: Take, error: AfgenError) -> Outcome:
        take.dropped.set()
        self._count(0, take.writer.frames - take.frames)
        stack = self._open.pop(take, None)
        if stack is not None:
            stack.__exit__(type(error), error, error.__traceback__)
        return Outcome(take.order, error=error)

    def _telling(self, order: Order) -> Listener:
        """A listener to the reading of a recording, which ends it when nobody waits any more."""

        def tell(progress: Progress) -> None:
            if self._stopped.is_set():
                raise _StoppedError
            self._progress(progress)
            order.listener(progress)

        return tell
