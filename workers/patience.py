"""Trying again while a server is away."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from afgen.errors import StorageUnavailableError, UnavailableError
from workers.holds import Hold

T = TypeVar("T")

PATIENCE_S: Final = 120.0
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 5.0


def patiently(hold: Hold, call: Callable[[], T], sleep: Callable[[float], None] = time.sleep) -> T:
    """What `call` gives, tried again while a server does not answer and the job is ours.

    Raises what `call` does, after two minutes these errors, too; LeaseError.
    """
    waited_s, pause_s = 0.0, FIRST_PAUSE_S
    while True:
        hold.check()
        try:
            return call()
        except (UnavailableError, StorageUnavailableError):
            if waited_s >= PATIENCE_S:
                raise
        sleep(pause_s)
        waited_s += pause_s
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
