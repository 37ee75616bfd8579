from datetime import timedelta
from typing import Any

import pytest

from afgen.errors import DatabaseUnavailableError, QueueUnavailableError
from afgen.jobs.store.leases import Lease, Result, lease_of
from tests.api.conftest import Client, Service, ids, refused

ADDRESS = "https://media.example.com/call.mp4"


def broken(*_: object, **__: object) -> None:
    raise DatabaseUnavailableError("The connection to the database broke.")


def finished(service: Service, client: Client) -> dict[str, Any]:
    """A job that a worker has ended well."""
    job = client.post("/v1/jobs", client.spec())
    lease = claimed(service, job)
    key = f"outputs/{client.tenant_id}/{job['id']}/1/video.mp4"
    stored = service.parts.blobs.put_bytes(key, b"moving pictures")
    video = {
        "blob_key": key,
        "bytes": stored.bytes,
        "sha256": stored.sha256,
        "content_type": "video/mp4",
    }
    service.store.leases.finish(lease, Result({"video": video}, seconds=8.0, bytes=stored.bytes))
    return dict(client.get(f"/v1/jobs/{job['id']}"))


def claimed(service: Service, job: dict[str, Any]) -> Lease:
    row = service.store.leases.claim(job["id"], "worker")
    assert row is not None
    return lease_of(row)


def test_a_job_is_a_row_and_then_a_message(service: Service, ours: Client) -> None:
    job = ours.post("/v1/jobs", ours.spec(avatar="left", settings={"size": 256}))
    assert (job["state"], job["queue_position"], job["settings"]["size"]) == ("queued", 0, 256)
    assert service.queue.sent == [(job["id"], "interactive")]


def test_a_broker_that_is_away_costs_no_job(service: Service, ours: Client) -> None:
    service.queue.down = QueueUnavailableError("away")
    job = ours.post("/v1/jobs", ours.spec())
    assert ours.get(f"/v1/jobs/{job['id']}")["state"] == "queued"
    assert ours.ask("GET", "/readyz").status_code == 503


def test_the_same_request_makes_one_job(service: Service, ours: Client) -> None:
    spec = ours.spec()
    first = ours.post("/v1/jobs", spec, Idempotency_Key="one")
    again = ours.ask("POST", "/v1/jobs", json=spec, headers={"Idempotency-Key": "one"})
    assert (again.json(), again.headers["idempotency-replayed"]) == (first, "true")
    assert again.headers["location"] == f"/v1/jobs/{first['id']}"
    assert len(service.queue.sent) == 1
    other = ours.ask("POST", "/v1/jobs", json=ours.spec(), headers={"Idempotency-Key": "one"})
    refused(other, 422, "idempotency_mismatch")


def test_a_request_that_broke_off_is_gone_on_with(
    service: Service, ours: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, headers = ours.spec(), {"Idempotency-Key": "one"}
    with monkeypatch.context() as patched:
        patched.setattr("afgen.jobs.service.send", broken)
        response = ours.ask("POST", "/v1/jobs", json=spec, headers=headers)
        refused(response, 503, "database_unavailable")
    response = ours.ask("POST", "/v1/jobs", json=spec, headers=headers)
    assert refused(response, 409, "idempotency_busy")["retryable"]
    later = service.store.database.now() + timedelta(minutes=2)
    monkeypatch.setattr(service.store.database, "now", lambda: later)
    job = ours.post("/v1/jobs", spec, Idempotency_Key="one")
    assert ids(ours.get("/v1/jobs")) == [job["id"]]


def test_a_key_belongs_to_its_tenant(ours: Client, theirs: Client) -> None:
    first = ours.post("/v1/jobs", ours.spec(), Idempotency_Key="one")
    second = theirs.post("/v1/jobs", theirs.spec(), Idempotency_Key="one")
    assert first["id"] != second["id"]


def test_a_request_that_was_refused_may_be_mended(ours: Client) -> None:
    spec = ours.spec()
    wrong = spec | {"inputs": spec["inputs"] | {"user_video": ours.upload(b"sound")}}
    headers = {"Idempotency-Key": "one"}
    refused(ours.ask("POST", "/v1/jobs", json=wrong, headers=headers), 422, "no_video")
    ours.post("/v1/jobs", spec, Idempotency_Key="one")


@pytest.mark.parametrize(
    ("role", "content", "code"),
    [
        ("portrait", b"video", "not_media"),
        ("user_video", b"sound", "no_video"),
        ("user_audio", b"silence", "audio_silent"),
        ("conversation", b"silence", "audio_silent"),
    ],
)
def test_what_cannot_be_rendered_is_refused(
    ours: Client, role: str, content: bytes, code: str
) -> None:
    spec = ours.spec()
    spec["inputs"][role] = ours.upload(content)
    refused(ours.ask("POST", "/v1/jobs", json=spec), 422, code)


@pytest.mark.parametrize(
    "settings", [{"start_s": 9}, {"preset": "paper"}, {"audio_mode": "whole"}], ids=str
)
def test_options_that_no_render_takes_are_refused(ours: Client, settings: dict[str, Any]) -> None:
    spec = ours.spec(settings=settings)
    refused(ours.ask("POST", "/v1/jobs", json=spec), 422, "option")


@pytest.mark.parametrize(
    "address", ["https://127.0.0.1/a.mp4", "https://169.254.169.254/", "https://[::1]/a"]
)
def test_addresses_inside_our_network_are_refused(ours: Client, address: str) -> None:
    spec = ours.spec()
    spec["inputs"]["conversation"] = address
    refused(ours.ask("POST", "/v1/jobs", json=spec), 422, "address_refused")


def test_uploads_of_others_do_not_exist(ours: Client, theirs: Client) -> None:
    refused(ours.ask("POST", "/v1/jobs", json=theirs.spec()), 409, "asset_not_ready")


def test_a_quota_bounds_what_is_queued(service: Service) -> None:
    small = service.client("small", quota_active_jobs=1)
    spec = small.spec()
    small.post("/v1/jobs", spec)
    refused(small.ask("POST", "/v1/jobs", json=spec), 429, "quota_exceeded")


def test_what_is_known_already_is_not_told_again(service: Service, ours: Client) -> None:
    job = ours.post("/v1/jobs", ours.spec())
    place = f"/v1/jobs/{job['id']}"
    known = {"If-None-Match": ours.ask("GET", place).headers["etag"]}
    assert ours.ask("GET", place, headers=known).status_code == 304
    claimed(service, job)
    assert ours.ask("GET", place, headers=known).json()["state"] == "running"


def test_lists_are_filtered_and_paged(ours: Client) -> None:
    spec = ours.spec()
    jobs = [ours.post("/v1/jobs", spec)["id"] for _ in range(3)][::-1]
    ours.post(f"/v1/jobs/{jobs[1]}/cancel")
    assert ids(ours.get("/v1/jobs", state="queued")) == [jobs[0], jobs[2]]
    assert ids(ours.get("/v1/jobs", state=["queued", "canceled"])) == jobs
    page = ours.get("/v1/jobs", state="queued", limit=1)
    rest = ours.get("/v1/jobs", state="queued", limit=1, cursor=page["next_cursor"])
    assert [*ids(page), *ids(rest)] == [jobs[0], jobs[2]]
    assert ids(ours.get("/v1/jobs", until="2020-01-01T00:00:00")) == []


def test_a_job_is_canceled_retried_and_deleted(service: Service, ours: Client) -> None:
    place = f"/v1/jobs/{ours.post('/v1/jobs', ours.spec())['id']}"
    assert ours.post(f"{place}/cancel")["state"] == "canceled"
    assert ours.post(f"{place}/cancel")["state"] == "canceled"
    assert ours.post(f"{place}/retry")["state"] == "queued"
    refused(ours.ask("POST", f"{place}/retry"), 409, "conflict")
    refused(ours.ask("DELETE", place), 409, "conflict")
    ours.post(f"{place}/cancel")
    assert ours.ask("DELETE", place).status_code == 204
    refused(ours.ask("GET", place), 404, "not_found")
    assert len(service.queue.sent) == 2


def test_a_video_is_fetched(service: Service, ours: Client) -> None:
    job = finished(service, ours)
    video = job["outputs"]["video"]
    assert "blob_key" not in video
    sent_on = ours.ask("GET", video["url"])
    assert ours.http.get(sent_on.headers["location"]).content == b"moving pictures"
    refused(ours.ask("GET", f"/v1/jobs/{job['id']}/outputs/report"), 404, "not_found")


def test_usage_counts_what_was_made(service: Service, ours: Client) -> None:
    finished(service, ours)
    usage = ours.get("/v1/usage")
    assert [(day["jobs"], day["seconds"]) for day in usage["days"]] == [(1, 8.0)]
    assert usage["active_jobs"]["used"] == 0
    refused(ours.ask("GET", "/v1/usage?from=2026-01-02&to=2026-01-01"), 422, "option")
