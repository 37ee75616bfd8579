import json

from tests.api.conftest import Client, Service, ids, refused
from tests.api.test_events import kinds


def items(client: Client, *keys: str) -> list[dict]:
    spec = client.spec(priority="batch")
    return [{"key": key, "job": spec} for key in keys]


def test_a_batch_is_made_whole_and_followed_to_its_end(service: Service, ours: Client) -> None:
    batch = ours.post("/v1/batches", {"name": "season", "items": items(ours, "a", "b", "c")})
    place = f"/v1/batches/{batch['id']}"
    assert (batch["total"], batch["counts"]) == (3, {"queued": 3})
    assert {queue for _, queue in service.queue.sent} == {"batch"}
    first = ours.get(f"{place}/items", limit=2)
    assert [job["item_key"] for job in first] == ["a", "b"]
    assert [job["item_key"] for job in ours.get(f"{place}/items", after_key="b")] == ["c"]
    assert ours.post(f"{place}/cancel")["counts"] == {"canceled": 3}
    stream = kinds(ours.ask("GET", f"{place}/events").text)
    assert sorted(stream) == ["batch.finished"] + ["job.canceled"] * 3 + ["job.queued"] * 3
    lines = [json.loads(line) for line in ours.ask("GET", f"{place}/results").text.splitlines()]
    assert [(line["key"], line["state"]) for line in lines] == [(key, "canceled") for key in "abc"]


def test_a_manifest_is_checked_when_it_is_uploaded(ours: Client) -> None:
    lines = "\n".join(json.dumps(item) for item in items(ours, "a", "b"))
    manifest = ours.upload(lines.encode(), "manifest", "items.jsonl")
    assert ours.get(f"/v1/assets/{manifest}")["facts"]["items"] == 2
    assert ours.post("/v1/batches", {"manifest": manifest})["total"] == 2
    for wrong in (b"[]", b"{", b'[{"key": "a"}]', b"\xff", b"[" * 100_000):
        files = {"file": ("items.json", wrong)}
        response = ours.ask("POST", "/v1/assets", data={"kind": "manifest"}, files=files)
        refused(response, 422, "manifest")


def test_a_batch_is_refused_whole(service: Service, ours: Client) -> None:
    twice = items(ours, "a", "a")
    refused(ours.ask("POST", "/v1/batches", json={"items": twice}), 409, "item_key_taken")
    wrong = items(ours, "a", "b")
    wrong[1]["job"] = wrong[1]["job"] | {"inputs": {"portrait": "ast_x", "conversation": "x"}}
    problem = refused(ours.ask("POST", "/v1/batches", json={"items": wrong}), 422, "validation")
    assert problem["errors"][0]["pointer"] == "#/items/1/job/inputs/portrait"
    refused(ours.ask("POST", "/v1/batches", json={}), 422, "validation")
    refused(ours.ask("POST", "/v1/batches", json={"manifest": "ast_x"}), 404, "not_found")
    assert ids(ours.get("/v1/batches")) == []
    assert service.queue.sent == []


def test_a_long_manifest_is_one_batch(ours: Client) -> None:
    spec = ours.spec(priority="batch")
    addresses = {"portrait": "https://example.com/me.png", "conversation": "https://example.com/a"}
    listed = [{"key": f"item-{n:05d}", "job": spec | {"inputs": addresses}} for n in range(2_000)]
    manifest = ours.upload(json.dumps(listed).encode(), "manifest", "items.json")
    batch = ours.post("/v1/batches", {"manifest": manifest})
    assert batch["counts"] == {"queued": 2_000}
    results = ours.ask("GET", f"/v1/batches/{batch['id']}/results").text.splitlines()
    assert [json.loads(line)["key"] for line in results] == [item["key"] for item in listed]
