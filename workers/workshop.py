"""What one worker process needs and keeps: the store, the files, the queue, and warm models."""

import os
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from afgen.jobs.blobs.interface import Blobs
from afgen.jobs.blobs.opening import open_blobs
from afgen.jobs.outbound import Outbound, policy_of
from afgen.jobs.queue import Queue, open_queue
from afgen.jobs.settings import ServiceSettings
from afgen.jobs.store import Store, open_store
from afgen.presets import Models, load_models
from workers.holds import Holds

_PRESETS = 2  # whose models stay in memory

LoadModels = Callable[[str, str], Models]


@dataclass(frozen=True, slots=True)
class Workshop:
    """The tools of a worker. `name` says in a job's row who holds it."""

    name: str
    settings: ServiceSettings
    store: Store
    blobs: Blobs
    queue: Queue
    outbound: Outbound
    holds: Holds
    models: LoadModels
    scratch: Path


def open_workshop(settings: ServiceSettings, models: LoadModels | None = None) -> Workshop:
    """The tools that the settings name. Nothing is connected to yet.

    Raises StorageUnavailableError, StorageRefusedError.
    """
    store = open_store(settings)
    return Workshop(
        name=f"{socket.gethostname()}:{os.getpid()}",
        settings=settings,
        store=store,
        blobs=open_blobs(settings),
        queue=open_queue(settings.redis_url),
        outbound=Outbound(policy_of(settings)),
        holds=Holds(
            store.leases,
            lease_s=settings.lease_s,
            heartbeat_s=settings.heartbeat_s,
            poll_s=settings.cancel_poll_s,
        ),
        models=models or lru_cache(_PRESETS)(load_models),
        scratch=Path(tempfile.gettempdir()),
    )
