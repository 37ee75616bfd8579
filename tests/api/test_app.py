"""What holds for every request: keys, tenants, rates, problems, headers, limits."""

import re
import subprocess
import sys

import pytest

from afgen.jobs.keys import Scope
from tests.api.conftest import Client, Service, refused
from tests.api.test_jobs import finished
from tests.api.test_schedules import made


def test_a_key_is_needed_and_must_be_good(service: Service, ours: Client) -> None:
    wrong = ("", "Bearer", "Bearer afk_x_y", f"Basic {ours.token}", f"Bearer {ours.token[:-1]}0")
    for given in wrong:
        response = service.http.get("/v1/jobs", headers={"Authorization": given})
        refused(response, 401, "key_refused")
        assert response.headers["www-authenticate"] == "Bearer"


def test_a_revoked_key_is_refused_at_once(service: Service, ours: Client) -> None:
    (key,) = service.store.keys.list(ours.tenant_id)
    service.store.keys.revoke(ours.tenant_id, key.id)
    refused(ours.ask("GET", "/v1/jobs"), 401, "key_refused")


def test_a_key_that_reads_does_not_write(service: Service) -> None:
    reader = service.client("reader", frozenset({Scope.READ}))
    assert reader.get("/v1/jobs")["items"] == []
    body = {"kind": "recording", "filename": "a", "bytes": 1}
    refused(reader.ask("POST", "/v1/uploads", json=body), 403, "scope_missing")


def test_what_belongs_to_others_does_not_exist(
    service: Service, ours: Client, theirs: Client
) -> None:
    job, schedule = finished(service, ours), made(ours)
    endpoint = ours.post("/v1/webhook-endpoints", {"url": "https://hooks.example.com/"})
    endpoint_place = f"/v1/webhook-endpoints/{endpoint['id']}"
    delivery = ours.post(f"{endpoint_place}/test")
    batch = ours.post("/v1/batches", {"items": [{"key": "a", "job": ours.spec()}]})
    asset = job["inputs"]["portrait"]
    upload = ours.post("/v1/uploads", {"kind": "recording", "filename": "a", "bytes": 1})
    known = (job, schedule, endpoint, delivery, batch, upload, {"id": asset})
    places = {
        "{job_id}": job["id"],
        "{schedule_id}": schedule["id"],
        "{endpoint_id}": endpoint["id"],
        "{delivery_id}": delivery["id"],
        "{batch_id}": batch["id"],
        "{name}": "video",
    }
    for path, methods in service.http.get("/openapi.json").json()["paths"].items():
        id_of_asset = upload["id"] if "uploads" in path else asset
        place = path.replace("{asset_id}", id_of_asset)
        for name, value in places.items():
            place = place.replace(name, value)
        for method in methods:
            response = theirs.ask(method.upper(), place, json={})
            assert not any(one["id"] in response.text for one in known if one["id"] not in place)
            if place != path and path.startswith("/v1"):
                refused(response, 404, "not_found")
    assert ours.get(f"/v1/jobs/{job['id']}") == job


def test_more_requests_than_allowed_are_told_when_to_come_back(service: Service) -> None:
    client = service.client("hasty", rate_burst=2, rate_per_minute=60)
    left = [client.ask("GET", "/v1/jobs").headers["ratelimit"] for _ in range(2)]
    assert [re.search(r"r=(\d)", one)[1] for one in left] == ["1", "0"]
    response = client.ask("GET", "/v1/jobs")
    assert refused(response, 429, "rate_limited")["retryable"]
    assert int(response.headers["retry-after"]) == 1
    assert response.headers["ratelimit-policy"] == '"requests";q=2;w=2'


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/v1/jobs/", 404, "not_found"),
        ("PUT", "/v1/jobs", 405, "method_not_allowed"),
        ("GET", "/v1/jobs/job_x", 404, "not_found"),
        ("GET", "/v1/jobs/%00", 404, "not_found"),
        ("GET", "/v1/jobs?limit=0", 422, "validation"),
    ],
)
def test_every_refusal_is_a_problem(
    ours: Client, method: str, path: str, status: int, code: str
) -> None:
    problem = refused(ours.ask(method, path), status, code)
    assert problem["type"] == f"http://testserver/problems/{code}"
    kind = ours.http.get(f"/problems/{code}").json()
    assert (kind["code"], kind["title"]) == (code, problem["title"])


def test_faults_are_pointed_at(ours: Client) -> None:
    body = {"inputs": {"portrait": "me.png"}, "settings": {"size": 1}, "a/b": 1}
    problem = refused(ours.ask("POST", "/v1/jobs", json=body), 422, "validation")
    assert {fault["pointer"] for fault in problem["errors"]} == {
        "#/inputs/portrait", "#/settings/size", "#/a~1b",
    }  # fmt: skip
    text = ours.ask("POST", "/v1/jobs", content="{", headers={"Content-Type": "application/json"})
    assert refused(text, 422, "validation")["errors"][0]["pointer"] == "#"
    problem = refused(ours.ask("GET", "/v1/jobs?limit=x"), 422, "validation")
    assert problem["errors"][0] | {"detail": ""} == {
        "parameter": "limit", "in": "query", "detail": "",
    }  # fmt: skip


def test_our_own_faults_tell_nothing_of_the_inside(
    service: Service, ours: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr(service.store.jobs, "list", broken)
    response = ours.ask("GET", "/v1/jobs", headers={"X-Request-ID": "traced-1234"})
    problem = refused(response, 500, "internal")
    assert "swordfish" not in response.text
    assert problem["request_id"] == response.headers["x-request-id"] == "traced-1234"


def test_ids_that_could_forge_a_log_are_replaced(ours: Client) -> None:
    response = ours.ask("GET", "/healthz", headers={"X-Request-ID": 'x" forged="1'})
    assert response.headers["x-request-id"].startswith("req_")


def test_answers_are_not_sniffed_framed_or_kept(ours: Client) -> None:
    headers = ours.ask("GET", "/v1/jobs").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_a_body_that_is_too_large_is_refused_announced_or_not(
    service: Service, ours: Client
) -> None:
    most = service.parts.settings.max_body_bytes
    json = {"Content-Type": "application/json"}
    refused(ours.ask("POST", "/v1/jobs", content=b" " * (most + 1), headers=json), 413,
            "body_too_large")  # fmt: skip
    unannounced = ours.headers | json | {"Transfer-Encoding": "chunked"}
    request = ours.http.build_request(
        "POST", "/v1/jobs", content=b" " * (most + 1), headers=unannounced
    )
    del request.headers["Content-Length"]
    refused(ours.http.send(request), 413, "body_too_large")


def test_figures_are_for_this_machine_or_for_a_token(service: Service, ours: Client) -> None:
    ours.post("/v1/jobs", ours.spec())
    figures = service.http.get("/metrics").text
    assert 'afgen_jobs{queue="interactive",state="queued"} 1.0' in figures
    assert 'route="/v1/jobs",status="201"' in figures
    passed_on = {"X-Forwarded-For": "203.0.113.9"}
    refused(service.http.get("/metrics", headers=passed_on), 401, "key_refused")


def test_the_api_loads_nothing_that_renders() -> None:
    code = "import sys, api.app; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "numpy", "cv2", "mediapipe", "workers", "afgen.presets"} & set(loaded)


def test_a_tenant_may_not_make_more_video_a_day_than_its_quota(service: Service) -> None:
    client = service.client("small", quota_seconds_a_day=5)
    finished(service, client)
    refused(client.ask("POST", "/v1/jobs", json=client.spec()), 429, "quota_exceeded")
