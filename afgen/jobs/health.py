"""Whether what the service stands on answers: `python -m afgen.jobs.health` for health checks."""

import json
import logging
import sys
from collections.abc import Callable, Mapping

from afgen.errors import AfgenError
from afgen.jobs.blobs.interface import Blobs
from afgen.jobs.blobs.opening import open_blobs
from afgen.jobs.queue import Queue, open_queue
from afgen.jobs.settings import ServiceSettings
from afgen.jobs.store import Store, open_store

log = logging.getLogger(__name__)


def answers(store: Store, queue: Queue, blobs: Blobs) -> Mapping[str, bool]:
    """Of database, queue and storage, which answer. Why one does not is logged."""
    return {
        "database": _answers(store.database.ping),
        "queue": _answers(queue.ping),
        "storage": _answers(blobs.check),
    }


def main() -> int:
    """Tell on standard output; the exit status is 1 if something does not answer."""
    settings = ServiceSettings()
    store = open_store(settings)
    found = answers(store, open_queue(settings.redis_url), open_blobs(settings))
    store.close()
    sys.stdout.write(json.dumps(found) + "\n")
    return 0 if all(found.values()) else 1


def _answers(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except AfgenError as error:
        log.warning("not ready: %s", error.message)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
