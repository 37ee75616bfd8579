"""Something done again and again in a thread beside the work."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from afgen.errors import AfgenError

log = logging.getLogger(__name__)


@contextmanager
def repeating(do: Callable[[], object], every_s: float, name: str) -> Iterator[None]:
    """Do it every `every_s` seconds until the block ends; a failure is logged and tried again."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(every_s):
            try:
                do()
            except AfgenError as error:
                log.warning("%s: %s", name, error)
            except Exception:
                log.exception("%s: a fault of ours", name)

    thread = threading.Thread(target=repeat, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
