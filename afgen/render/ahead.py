"""Run one stage of a pipeline ahead of the next, so that both cores have work."""

import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

T = TypeVar("T")
_END = object()


class _Raised:
    def __init__(self, error: BaseException) -> None:
        self.error = error


def ahead(source: Iterator[T], depth: int = 2) -> Generator[T]:
    """The same values in the same order, computed at most `depth` ahead in another thread.

    An error of the source is raised here, after the values before it. Closing this iterator stops
    the source at its next value, and closes it where it is a generator.
    """
    values: queue.Queue[object] = queue.Queue(depth)
    stop = threading.Event()

    def put(value: object) -> bool:
        while not stop.is_set():
            try:
                values.put(value, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def produce() -> None:
        try:
            for value in source:
                if not put(value):
                    return
            put(_END)
        except BaseException as error:  # handed over, and raised by the consumer
            put(_Raised(error))
        finally:
            if isinstance(source, Generator):
                source.close()

    worker = threading.Thread(target=produce, name="ahead", daemon=True)
    worker.start()
    try:
        while (value := values.get()) is not _END:
            if isinstance(value, _Raised):
                raise value.error
            yield value  # type: ignore[misc]
    finally:
        stop.set()
        worker.join()
