"""Work that takes long and holds no connection to the database: in threads of its own.

Ten people who complete large uploads at once must not keep everybody else waiting.
"""

from collections.abc import Callable
from typing import Annotated, TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import Depends, Request

Made = TypeVar("Made")
AT_ONCE = 8  # further ones wait their turn


async def slowly(request: Request) -> "Slowly":
    """How to run such work."""
    return Slowly(request.app.state.slow_threads)


class Slowly:
    """Runs a function in one of the threads for long work."""

    def __init__(self, threads: CapacityLimiter) -> None:
        self._threads = threads

    async def __call__(self, work: Callable[[], Made]) -> Made:
        """What the function gives. Raises what it raises."""
        return await run_sync(work, limiter=self._threads)


InSlowThread = Annotated[Slowly, Depends(slowly)]
