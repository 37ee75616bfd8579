"""Requests made up from the API's own description: none breaks it, none reaches another tenant.

Made-up ids lead nowhere, so most paths name things that there are: ours, and those of others.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from afgen.jobs.settings import ServiceSettings
from api.openapi import operations
from tests.api.conftest import Client, Service
from tests.api.test_jobs import finished
from tests.service.servers import free_port, wait_until

pytestmark = pytest.mark.slow

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 30  # of each operation; half a minute for all
MARK = "swordfish"  # in everything of the other tenant


@contextmanager
def listening(service: Service) -> Iterator[str]:
    """The app behind a socket, where requests are what they are elsewhere."""
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(service.app, port=port, lifespan="off", log_level="critical")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started, "the server listens")
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def furnished(service: Service, client: Client, word: str) -> dict[str, str]:
    """One of everything, all of it at its end: streams of events must end, too."""
    spec = client.spec()
    batch = client.post("/v1/batches", {"name": word, "items": [{"key": word, "job": spec}]})
    client.post(f"/v1/batches/{batch['id']}/cancel")
    schedule = {"name": word, "cron": "0 2 * * *", "job": spec}
    url = f"https://hooks.example.com/{word}"
    endpoint = client.post("/v1/webhook-endpoints", {"url": url})
    delivery = client.post(f"/v1/webhook-endpoints/{endpoint['id']}/test")
    return {
        "job_id": finished(service, client)["id"],
        "batch_id": batch["id"],
        "schedule_id": client.post("/v1/schedules", schedule)["id"],
        "endpoint_id": endpoint["id"],
        "delivery_id": delivery["id"],
        "asset_id": client.upload(b"video", filename=f"{word}.mp4"),
        "name": "video",
    }


def seen(client: Client, known: dict[str, str]) -> list[Any]:
    """Everything a tenant has, as it sees it."""
    hooks = f"/v1/webhook-endpoints/{known['endpoint_id']}"
    lists = ("jobs", "batches", "schedules", "webhook-endpoints", "assets")
    return [
        *(client.get(f"/v1/{name}") for name in lists),
        client.get(f"{hooks}/deliveries"),
        client.get(f"/v1/batches/{known['batch_id']}/items"),
        client.get("/v1/usage"),
    ]


def test_made_up_requests_break_nothing_and_reach_nobody_else(
    served: Callable[..., Service], sqlite_settings: ServiceSettings
) -> None:
    service = served(sqlite_settings.model_copy(update={"rate_burst": 10**9}))
    ours, theirs = service.client("ours"), service.client("theirs")
    known = [furnished(service, ours, "tuna"), furnished(service, theirs, MARK)]
    before = seen(theirs, known[1])
    session = requests.Session()
    session.headers.update(ours.headers)
    with listening(service) as url:
        described = schemathesis.openapi.from_dict(service.app.openapi())
        for found in described.get_all_operations():
            _fuzz(found.ok(), known, session, url)
    assert seen(theirs, known[1]) == before
    assert len(list(operations(service.app.openapi()))) > 40


def _fuzz(operation: Any, known: list[dict[str, str]], session: Any, url: str) -> None:
    cases = st.one_of(
        operation.as_strategy(generation_mode=mode)
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    )

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases, st.sampled_from(known), st.integers(0, 3))
    def run(case: Any, whose: dict[str, str], made_up: int) -> None:
        if made_up and case.path_parameters:
            for name in case.path_parameters:
                case.path_parameters[name] = whose.get(name, case.path_parameters[name])
        response = case.call(
            base_url=url, session=session, allow_redirects=False, timeout=60,
            headers=dict(session.headers),
        )  # fmt: skip
        case.validate_response(response, checks=CHECKS)
        assert MARK not in response.text

    run()
