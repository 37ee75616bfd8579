"""How long each stage of a render was busy, measured where the work is done."""

import resource
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

T = TypeVar("T")


class Stopwatch:
    """Busy seconds by stage; stages run at the same time and may sum to more than the whole."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.busy_s: defaultdict[str, float] = defaultdict(float)

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Count the time inside the block."""
        return shared_stage([self], name)

    def each(self, name: str, values: Iterator[T]) -> Iterator[T]:
        """The same values, counting the time it takes to make each."""
        while True:
            with self.stage(name):
                try:
                    value = next(values)
                except StopIteration:
                    return
            yield value

    @property
    def total_s(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began


@contextmanager
def shared_stage(watches: Sequence[Stopwatch], name: str) -> Iterator[None]:
    """Count the time inside the block, an equal share to each."""
    began = time.monotonic()
    try:
        yield
    finally:
        for watch in watches:
            watch.busy_s[name] += (time.monotonic() - began) / len(watches)


def peak_memory_mb() -> float:
    """Largest resident memory of this process so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)
