"""The app: its parts, what surrounds every request, and the operations."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from anyio import CapacityLimiter
from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI

from afgen.jobs.blobs.links import PATH
from afgen.jobs.blobs.local import LocalBlobs
from afgen.jobs.blobs.opening import open_blobs
from afgen.jobs.limits import connect_buckets
from afgen.jobs.preflight import Examiner
from afgen.jobs.queue import open_queue
from afgen.jobs.settings import ServiceSettings
from afgen.jobs.store import open_store
from afgen.jobs.tables import Json
from api import problems
from api.deps import Services
from api.metrics import Metrics
from api.middleware import BodyLimit, Envelope
from api.openapi import DESCRIPTION, TITLE, VERSION, describe
from api.pagination import Cursors
from api.routes import (
    assets,
    batches,
    blobs,
    events,
    health,
    jobs,
    schedules,
    uploads,
    usage,
    webhooks,
)
from api.slow import AT_ONCE

_FORM = "/v1/assets"
_FORM_EXTRA_BYTES = 64 * 2**10  # of a multipart form around its file


def create_app(
    settings: ServiceSettings | None = None,
    parts: Callable[[ServiceSettings], Services] | None = None,
) -> FastAPI:
    """The API of a service; settings come from the environment unless given.

    `parts` makes the parts of the service, which the app closes at its end.
    """
    settings = settings or ServiceSettings()
    services = (parts or open_services)(settings)
    app = FastAPI(
        title=TITLE,
        version=VERSION,
        description=DESCRIPTION,
        lifespan=_lifespan,
        docs_url=None,  # pages that load scripts from elsewhere; the document is at /openapi.json
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: f"{route.tags[0]}_{route.name}",
    )
    app.state.services = services
    app.state.public_url = settings.public_url.rstrip("/")
    app.state.metrics = Metrics(services.store.jobs.waiting)
    problems.install(app)
    for module in (uploads, assets, jobs, events, batches, schedules, webhooks, usage, health):
        app.include_router(module.router)
    larger = {_FORM: settings.max_form_bytes + _FORM_EXTRA_BYTES}
    if isinstance(services.blobs, LocalBlobs):
        app.include_router(blobs.router)
        larger[PATH] = settings.max_asset_bytes
    app.add_middleware(BodyLimit, most_bytes=settings.max_body_bytes, larger=larger)
    app.add_middleware(Envelope, observe=app.state.metrics.observe)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    return app


def open_services(settings: ServiceSettings) -> Services:
    """The parts that the settings name. They connect when they are first used."""
    return Services(
        settings=settings,
        store=open_store(settings),
        blobs=open_blobs(settings),
        queue=open_queue(settings.redis_url),
        buckets=connect_buckets(settings.redis_url),
        examiner=Examiner(),
        cursors=Cursors(settings.secret_key.get_secret_value()),
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Threads for as many requests as there are connections to the database, and at the end no
    process is left behind.
    """
    services: Services = app.state.services
    current_default_thread_limiter().total_tokens = services.settings.database_pool
    app.state.slow_threads = CapacityLimiter(AT_ONCE)
    app.state.streams = CapacityLimiter(events.MOST_STREAMS)
    try:
        yield
    finally:
        services.examiner.close()
        services.store.close()


def _document(app: FastAPI) -> Json:
    if app.openapi_schema is None:
        app.openapi_schema = describe(app)
    return app.openapi_schema
