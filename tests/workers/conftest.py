"""A workshop on both databases with files in a folder, real models and recordings of a few seconds.

Nothing else is made up: uploads and jobs are made as the API makes them.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from afgen.jobs.settings import ServiceSettings
from afgen.media.audio import write_wav
from afgen.media.images import save_png
from afgen.presets import Models
from migrations import upgrade
from tests.render.untrained import untrained_models, voice
from tests.service.clients import Client
from workers.workshop import Workshop, open_workshop


class Messages:
    """A queue that remembers what was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    def send(self, task: str, row_id: str, *, queue: str) -> None:
        self.sent.append((queue, row_id))

    def waiting(self, queue: str) -> int:
        return 0

    def ping(self) -> None:
        pass


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A portrait and voices of 2 s and 12 s: less than a segment, and one and a rest."""
    folder = tmp_path_factory.mktemp("files")
    save_png(np.asarray(data.astronaut(), np.uint8), folder / "portrait.png")
    for seconds in (2, 12):
        write_wav(folder / f"user-{seconds}.wav", voice(seconds, 120.0))
        write_wav(folder / f"avatar-{seconds}.wav", voice(seconds, 210.0))
    return folder


@pytest.fixture(scope="session")
def models() -> Models:
    return untrained_models()


@pytest.fixture(params=["sqlite_url", "postgres_url"], ids=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


@pytest.fixture
def shop(
    database_url: str, settings: Callable[..., ServiceSettings], models: Models, tmp_path: Path
) -> Iterator[Workshop]:
    wanted = settings(database_url=database_url, cancel_poll_s=0.05)
    upgrade(wanted)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    opened = open_workshop(wanted, lambda preset, device: models)
    yield replace(opened, queue=Messages(), scratch=scratch)
    opened.store.close()


@pytest.fixture
def client(shop: Workshop, files: Path) -> Client:
    return Client(shop.store, shop.blobs, shop.queue, files)
