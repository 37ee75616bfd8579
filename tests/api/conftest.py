"""The app on a real database and a real folder, with two tenants; nothing renders behind it."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import Client as HttpClient
from httpx import Response

from afgen.errors import AfgenError, NotMediaError
from afgen.jobs.blobs.opening import open_blobs
from afgen.jobs.facts import AssetKind, AudioFacts, FaceFacts, Facts, VideoFacts
from afgen.jobs.keys import Scope, create_key
from afgen.jobs.limits import MemoryBuckets
from afgen.jobs.preflight import Examiner
from afgen.jobs.settings import ServiceSettings
from afgen.jobs.store import Store, open_store
from api.app import create_app
from api.deps import Services
from api.pagination import Cursors
from migrations import upgrade
from tests.api.asgi import client_of

URL = "http://testserver"
SECRET = "for tests alone, and nothing but tests"
EVERYTHING = frozenset({Scope.READ, Scope.WRITE})


class Messages:
    """A queue that remembers what was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.down: AfgenError | None = None

    def send(self, task: str, row_id: str, *, queue: str) -> None:
        if self.down is not None:
            raise self.down
        self.sent.append((row_id, queue))

    def waiting(self, queue: str) -> int:
        return 0

    def ping(self) -> None:
        if self.down is not None:
            raise self.down


class Believer(Examiner):
    """Takes a file for what it says it is: `portrait`, `video`, `sound`, `silence`."""

    def examine(self, kind: AssetKind, path: Path) -> Facts:
        word = (path.read_bytes().split(maxsplit=1) or [b""])[0]
        if kind is AssetKind.PORTRAIT and word == b"portrait":
            return Facts(width=640, height=480, face=FaceFacts(width=200, height=220))
        sound = AudioFacts(rate_hz=48000, channels=2, codec="aac", audible=word != b"silence")
        video = VideoFacts(width=1280, height=720, rate_hz=25, codec="h264")
        if word in (b"video", b"sound", b"silence"):
            shown = video if word == b"video" else None
            return Facts(container="mov", duration_s=8.0, video=shown, audio=sound)
        raise NotMediaError(f"{path.name} is not a recording.")


@dataclass
class Service:
    """An app and its parts, as a test sees them."""

    app: FastAPI
    parts: Services
    http: HttpClient
    queue: Messages

    @property
    def store(self) -> Store:
        return self.parts.store

    def client(self, name: str, scopes: frozenset[Scope] = EVERYTHING, **limits: Any) -> "Client":
        """A client of a new tenant."""
        tenant = self.store.tenants.create(name, limits)
        _, token = create_key(self.store, tenant.id, "test", scopes, at=datetime.now(UTC))
        return Client(self.http, token, tenant.id)


@dataclass
class Client:
    """Requests with a key."""

    http: HttpClient
    token: str
    tenant_id: str
    headers: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.headers = {"Authorization": f"Bearer {self.token}"}

    def ask(self, method: str, path: str, **options: Any) -> Response:
        headers = self.headers | dict(options.pop("headers", {}))
        return self.http.request(method, path, headers=headers, **options)

    def get(self, path: str, **params: Any) -> Any:
        """What is told, which must be no refusal."""
        response = self.ask("GET", path, params=params)
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """What is told, which must be no refusal."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.ask("POST", path, json=body, headers=named)
        assert response.is_success, response.text
        return response.json()

    def upload(self, content: bytes, kind: str = "recording", filename: str = "call.mp4") -> str:
        """The id of an asset that is ready."""
        files = {"file": (filename, content)}
        response = self.ask("POST", "/v1/assets", data={"kind": kind}, files=files)
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    def spec(self, **changed: Any) -> dict[str, Any]:
        """A job on two uploads of this client."""
        inputs = {
            "portrait": self.upload(b"portrait", "portrait"),
            "conversation": self.upload(b"video"),
        }
        return {"inputs": inputs, **changed}


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with all tables, to be copied."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    upgrade(ServiceSettings(database_url=f"sqlite:///{path}"))
    return path


@pytest.fixture
def sqlite_settings(template: Path, tmp_path: Path) -> ServiceSettings:
    shutil.copy(template, tmp_path / "service.db")
    return settings_at(tmp_path, f"sqlite:///{tmp_path / 'service.db'}")


def settings_at(folder: Path, database_url: str, **changed: Any) -> ServiceSettings:
    return ServiceSettings(
        database_url=database_url,
        storage_url=(folder / "storage").as_uri(),
        secret_key=SECRET,
        public_url=URL,
        **changed,
    )


@pytest.fixture
def served() -> Iterator[Callable[..., Service]]:
    """Starts apps, and ends them after the test."""
    with ExitStack() as running:

        def start(settings: ServiceSettings, examiner: Examiner | None = None) -> Service:
            queue = Messages()
            parts = Services(
                settings=settings,
                store=open_store(settings),
                blobs=open_blobs(settings),
                queue=queue,
                buckets=MemoryBuckets(),
                examiner=examiner or Believer(),
                cursors=Cursors(SECRET),
            )
            app = create_app(settings, lambda _: parts)
            return Service(app, parts, running.enter_context(client_of(app, URL)), queue)

        yield start


@pytest.fixture
def service(served: Callable[..., Service], sqlite_settings: ServiceSettings) -> Service:
    return served(sqlite_settings)


@pytest.fixture
def ours(service: Service) -> Client:
    return service.client("ours")


@pytest.fixture
def theirs(service: Service) -> Client:
    return service.client("theirs")


def refused(response: Response, status: int, code: str) -> Mapping[str, Any]:
    """The problem that an answer is."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    problem: Mapping[str, Any] = response.json()
    assert (response.status_code, problem["code"]) == (status, code), problem
    return problem


def ids(page: Mapping[str, Any]) -> Sequence[str]:
    return [item["id"] for item in page["items"]]
