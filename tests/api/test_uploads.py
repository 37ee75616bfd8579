import pytest

from afgen.jobs.blobs import interface
from tests.api.conftest import Client, Service, refused

PART = interface.PART_BYTES


def begin(client: Client, size: int, kind: str = "recording") -> dict:
    return client.post("/v1/uploads", {"kind": kind, "filename": "call.mp4", "bytes": size})


def send(client: Client, upload: dict, content: bytes) -> None:
    for piece in upload["requests"]:
        data = content[piece["offset"] : piece["offset"] + piece["bytes"]]
        assert client.http.put(piece["url"], content=data).status_code == 200


def test_a_small_file_goes_in_one_piece(ours: Client) -> None:
    upload = begin(ours, 5)
    assert [piece["number"] for piece in upload["requests"]] == [1]
    send(ours, upload, b"video")
    asset = ours.post(f"/v1/uploads/{upload['id']}/complete")
    assert asset["state"] == "ready"
    assert asset["facts"]["video"]["width"] == 1280
    assert asset["sha256"] == ours.get(f"/v1/assets/{upload['id']}")["sha256"]


def test_a_large_file_goes_on_where_it_was(ours: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("afgen.jobs.uploads.MULTIPART_FROM_BYTES", PART)
    content = b"video".ljust(2 * PART + 7)
    upload = begin(ours, len(content))
    assert [piece["bytes"] for piece in upload["requests"]] == [PART, PART, 7]
    send(ours, upload | {"requests": upload["requests"][1:]}, content)
    again = ours.get(f"/v1/uploads/{upload['id']}")
    assert again["received"] == [2, 3]
    assert [piece["number"] for piece in again["requests"]] == [1]
    refused(ours.ask("POST", f"/v1/uploads/{upload['id']}/complete"), 409, "upload_incomplete")
    send(ours, again, content)
    done = ours.post(f"/v1/uploads/{upload['id']}/complete")
    assert (done["state"], done["bytes"]) == ("ready", len(content))
    assert ours.post(f"/v1/uploads/{upload['id']}/complete") == done


def test_what_no_render_could_use_is_rejected(ours: Client, service: Service) -> None:
    upload = begin(ours, 4)
    send(ours, upload, b"text")
    problem = refused(ours.ask("POST", f"/v1/uploads/{upload['id']}/complete"), 422, "not_media")
    asset = ours.get(f"/v1/assets/{upload['id']}")
    assert asset["state"] == "rejected"
    assert asset["error"]["message"] == problem["detail"]
    assert not list(service.parts.blobs.list_prefix("inputs/"))


def test_a_piece_of_another_length_is_refused(ours: Client) -> None:
    (piece,) = begin(ours, 5)["requests"]
    refused(ours.http.put(piece["url"], content=b"videos"), 413, "blob_too_large")
    refused(ours.http.put(piece["url"], content=b"vide"), 409, "upload_incomplete")


def test_an_address_is_good_for_what_it_was_signed_for_only(ours: Client) -> None:
    (piece,) = begin(ours, 5)["requests"]
    refused(ours.http.put(piece["url"] + "0", content=b"video"), 403, "link_refused")
    refused(ours.http.get(piece["url"]), 403, "link_refused")


def test_an_aborted_upload_is_gone(ours: Client) -> None:
    upload = begin(ours, 5)
    send(ours, upload, b"video")
    assert ours.ask("DELETE", f"/v1/uploads/{upload['id']}").status_code == 204
    refused(ours.ask("GET", f"/v1/uploads/{upload['id']}"), 404, "not_found")


def test_a_file_may_not_be_larger_than_allowed(ours: Client) -> None:
    body = {"kind": "recording", "filename": "a", "bytes": 2**50}
    refused(ours.ask("POST", "/v1/uploads", json=body), 422, "media_too_large")


def test_a_tenant_may_not_store_more_than_its_quota(service: Service) -> None:
    small = service.client("small", quota_stored_bytes=10)
    begin(small, 6)
    body = {"kind": "recording", "filename": "a", "bytes": 5}
    refused(small.ask("POST", "/v1/uploads", json=body), 429, "quota_exceeded")


def test_the_same_request_begins_one_upload(ours: Client) -> None:
    body = {"kind": "recording", "filename": "call.mp4", "bytes": 5}
    first = ours.post("/v1/uploads", body, Idempotency_Key="one")
    again = ours.ask("POST", "/v1/uploads", json=body, headers={"Idempotency-Key": "one"})
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first
