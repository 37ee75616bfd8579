"""The same app on PostgreSQL."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from migrations import upgrade
from tests.api.conftest import Service, ids, settings_at
from tests.api.test_jobs import finished


@pytest.fixture
def service(served: Callable[..., Service], postgres_url: str, tmp_path: Path) -> Service:
    settings = settings_at(tmp_path, postgres_url)
    upgrade(settings)
    return served(settings)


def test_a_job_goes_its_whole_way(service: Service) -> None:
    ours, theirs = service.client("ours"), service.client("theirs")
    job = finished(service, ours)
    assert job["state"] == "succeeded"
    assert ids(ours.get("/v1/jobs", state="succeeded")) == [job["id"]]
    assert ids(theirs.get("/v1/jobs")) == []
    assert ours.ask("GET", f"/v1/jobs/{job['id']}/events").text.count("event:") == 3
    assert ours.get("/v1/usage")["days"][0]["jobs"] == 1
    assert service.http.get("/readyz").json()["parts"]["database"] == "ok"


def test_pages_and_keys_hold(service: Service) -> None:
    ours = service.client("ours")
    spec = ours.spec()
    first = ours.post("/v1/jobs", spec, Idempotency_Key="one")
    assert ours.post("/v1/jobs", spec, Idempotency_Key="one") == first
    items = [{"key": key, "job": spec} for key in "abc"]
    batch = ours.post("/v1/batches", {"items": items})
    page = ours.get("/v1/jobs", limit=2)
    rest = ours.get("/v1/jobs", limit=2, cursor=page["next_cursor"])
    assert len({*ids(page), *ids(rest)}) == 4
    lines = ours.ask("GET", f"/v1/batches/{batch['id']}/results").text.splitlines()
    assert [json.loads(line)["key"] for line in lines] == ["a", "b", "c"]
