"""A service on PostgreSQL and Redis, without processes, and a client with files to send."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from afgen.jobs.blobs.opening import open_blobs
from afgen.jobs.queue import open_queue
from afgen.jobs.settings import ServiceSettings
from afgen.jobs.store import open_store
from afgen.media.audio import write_wav
from afgen.media.images import save_png
from migrations import upgrade
from tests.render.untrained import voice
from tests.service.clients import Client
from tests.service.fixtures import SettingsFactory


@pytest.fixture
def service(settings: SettingsFactory, postgres_url: str, redis_url: str) -> ServiceSettings:
    made = settings(database_url=postgres_url, redis_url=redis_url)
    upgrade(made)
    return made


@pytest.fixture
def client(service: ServiceSettings, tmp_path: Path) -> Iterator[Client]:
    save_png(np.asarray(data.astronaut(), np.uint8), tmp_path / "portrait.png")
    for seconds in (2, 12, 32):
        write_wav(tmp_path / f"user-{seconds}.wav", voice(seconds, 120.0))
        write_wav(tmp_path / f"avatar-{seconds}.wav", voice(seconds, 210.0))
    store, blobs = open_store(service), open_blobs(service)
    yield Client(store, blobs, open_queue(service.redis_url), tmp_path)
    store.close()
