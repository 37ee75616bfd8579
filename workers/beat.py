"""The process that minds the clock: sweep, schedules, deliveries, retention.

A loop of its own and not Celery's beat, whose messages would wait behind renders of an hour, or get
lost with the broker that the sweep is there to make up for. Each chore is short, reads from rows
what is due, and claims it there: any number of these processes may run at once.
"""

import logging
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Final

from afgen.jobs.blobs.opening import open_blobs
from afgen.jobs.outbound import Outbound, policy_of
from afgen.jobs.queue import open_queue
from afgen.jobs.retention import delete_due
from afgen.jobs.scheduling import start_due
from afgen.jobs.service import sweep
from afgen.jobs.settings import ServiceSettings
from afgen.jobs.store import Store, open_store, utc_now
from afgen.jobs.webhooks import deliver_due
from workers.repeating import repeating

log = logging.getLogger(__name__)

DELIVER_S: Final = 1.0
SCHEDULE_S: Final = 5.0
RETENTION_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to be done every so often."""

    name: str
    every_s: float
    do: Callable[[], object]


def chores(settings: ServiceSettings, store: Store) -> list[Chore]:
    """All that is to be done again and again."""
    queue, blobs = open_queue(settings.redis_url), open_blobs(settings)
    outbound = Outbound(policy_of(settings))
    return [
        Chore("sweep", settings.sweep_s, lambda: sweep(store, queue, settings.queue_depth)),
        Chore("schedules", SCHEDULE_S, lambda: start_due(store, settings, utc_now)),
        Chore("deliveries", DELIVER_S, lambda: deliver_due(store, outbound, utc_now)),
        Chore("retention", RETENTION_S, lambda: delete_due(store, blobs)),
    ]


def run_beat(settings: ServiceSettings) -> None:
    """Do all chores, each in a thread of its own, until SIGTERM or Ctrl-C."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    store = open_store(settings)
    with closing(store), ExitStack() as stack:
        for chore in chores(settings, store):
            stack.enter_context(repeating(chore.do, chore.every_s, chore.name))
        log.info("beat is up")
        over.wait()
