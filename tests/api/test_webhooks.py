import pytest

from tests.api.conftest import Client, Service, ids, refused
from tests.api.test_jobs import finished

URL = "https://hooks.example.com/afgen"


def test_a_secret_is_told_once_and_rotated(service: Service, ours: Client) -> None:
    endpoint = ours.post("/v1/webhook-endpoints", {"url": URL})
    place = f"/v1/webhook-endpoints/{endpoint['id']}"
    assert endpoint["secret"].startswith("whsec_")
    assert "secret" not in ours.get(place)
    rotated = ours.post(f"{place}/rotate-secret")
    assert rotated["secret"] != endpoint["secret"]
    kept = service.store.endpoints.get(ours.tenant_id, endpoint["id"]).secrets
    assert [one["secret"] for one in kept] == [rotated["secret"], endpoint["secret"]]


def test_deliveries_are_listed_and_made_again(service: Service, ours: Client) -> None:
    endpoint = ours.post("/v1/webhook-endpoints", {"url": URL, "kinds": ["job.succeeded"]})
    place = f"/v1/webhook-endpoints/{endpoint['id']}"
    job = finished(service, ours)
    (delivery,) = ours.get(f"{place}/deliveries")["items"]
    assert delivery["payload"]["data"]["job_id"] == job["id"]
    assert "blob_key" not in str(delivery)
    tried = ours.post(f"{place}/test")
    assert ids(ours.get(f"{place}/deliveries", state="pending")) == [tried["id"], delivery["id"]]
    again = ours.post(f"{place}/deliveries/{delivery['id']}/redeliver")
    assert (again["id"], again["attempts"]) == (delivery["id"], 0)


def test_an_endpoint_is_turned_off_and_deleted(ours: Client) -> None:
    place = f"/v1/webhook-endpoints/{ours.post('/v1/webhook-endpoints', {'url': URL})['id']}"
    assert ours.ask("PATCH", place, json={"enabled": False}).json()["enabled"] is False
    assert ours.ask("PATCH", place, json={}).json()["url"] == URL
    assert ours.ask("DELETE", place).status_code == 204
    refused(ours.ask("GET", place), 404, "not_found")


@pytest.mark.parametrize(
    "url", ["http://hooks.example.com/", "https://10.0.0.1/", "https://me@example.com/", "x"]
)
def test_addresses_that_may_not_be_spoken_to_are_refused(ours: Client, url: str) -> None:
    refused(ours.ask("POST", "/v1/webhook-endpoints", json={"url": url}), 422, "address_refused")
