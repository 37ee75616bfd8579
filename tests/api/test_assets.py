from tests.api.conftest import Client, ids, refused


def test_a_form_brings_a_file_at_once(ours: Client) -> None:
    asset = ours.get(f"/v1/assets/{ours.upload(b'portrait', 'portrait', 'Ich & du.JPG')}")
    assert (asset["state"], asset["filename"]) == ("ready", "Ich & du.JPG")
    assert asset["facts"] == {
        "width": 640,
        "height": 480,
        "face": {"width": 200, "height": 220},
    } | dict.fromkeys(("container", "duration_s", "video", "audio", "items"))


def test_a_form_is_told_apart_by_its_file(ours: Client) -> None:
    def send(content: bytes):
        return ours.ask(
            "POST",
            "/v1/assets",
            data={"kind": "recording"},
            files={"file": ("call.mp4", content)},
            headers={"Idempotency-Key": "form"},
        )

    first = send(b"video")
    assert send(b"video").json() == first.json()
    assert first.headers["location"] == f"/v1/assets/{first.json()['id']}"
    refused(send(b"sound"), 422, "idempotency_mismatch")


def test_assets_are_listed_page_by_page(ours: Client) -> None:
    made = [ours.upload(b"video") for _ in range(5)][::-1]
    first = ours.get("/v1/assets", limit=2)
    second = ours.get("/v1/assets", limit=2, cursor=first["next_cursor"])
    last = ours.get("/v1/assets", limit=2, cursor=second["next_cursor"])
    assert [*ids(first), *ids(second), *ids(last)] == made
    assert last["next_cursor"] is None


def test_a_cursor_is_good_for_its_own_list_only(ours: Client, theirs: Client) -> None:
    for client in (ours, theirs):
        client.upload(b"video")
        client.upload(b"video")
    cursor = ours.get("/v1/assets", limit=1)["next_cursor"]
    for client, params in (
        (theirs, {"cursor": cursor}),
        (ours, {"cursor": cursor, "state": "ready"}),
        (ours, {"cursor": cursor[:-2]}),
        (ours, {"cursor": "é"}),
    ):
        refused(client.ask("GET", "/v1/assets", params=params), 400, "cursor")
    refused(ours.ask("GET", "/v1/jobs", params={"cursor": cursor}), 400, "cursor")


def test_a_file_is_fetched_whole_or_in_part(ours: Client) -> None:
    asset = ours.upload(b"video and more", filename="call.mp4")
    sent_on = ours.ask("GET", f"/v1/assets/{asset}/content")
    assert sent_on.status_code == 307
    address = sent_on.headers["location"]
    whole = ours.http.get(address)
    assert whole.content == b"video and more"
    assert whole.headers["content-disposition"] == 'attachment; filename="call.mp4"'
    assert whole.headers["content-type"] == "video/mp4"
    part = ours.http.get(address, headers={"Range": "bytes=6-8"})
    assert (part.status_code, part.content) == (206, b"and")
    assert ours.http.get(address, headers={"Range": "bytes=99-"}).status_code == 416
    assert ours.http.head(address).headers["content-length"] == "14"


def test_a_file_that_a_job_needs_stays(ours: Client) -> None:
    spec = ours.spec()
    job = ours.post("/v1/jobs", spec)
    asset = spec["inputs"]["portrait"]
    refused(ours.ask("DELETE", f"/v1/assets/{asset}"), 409, "asset_in_use")
    ours.post(f"/v1/jobs/{job['id']}/cancel")
    assert ours.ask("DELETE", f"/v1/assets/{asset}").status_code == 204
    refused(ours.ask("GET", f"/v1/assets/{asset}/content"), 404, "not_found")
