from tests.api.conftest import Client, Service, ids, refused

NIGHTLY = {"name": "nightly", "cron": "0 2 * * *", "timezone": "Europe/Berlin"}


def made(client: Client) -> dict:
    return dict(client.post("/v1/schedules", NIGHTLY | {"job": client.spec()}))


def test_a_schedule_is_made_changed_paused_and_deleted(ours: Client) -> None:
    schedule = made(ours)
    place = f"/v1/schedules/{schedule['id']}"
    changed = ours.ask("PATCH", place, json={"cron": "30 3 * * 1-5"}).json()
    assert (changed["cron"], changed["timezone"]) == ("30 3 * * 1-5", "Europe/Berlin")
    assert changed["next_at"] != schedule["next_at"]
    assert ours.post(f"{place}/pause")["next_at"] is None
    assert ours.post(f"{place}/resume")["next_at"] == changed["next_at"]
    assert len(ours.get(f"{place}/next", count=3)["at"]) == 3
    assert ours.get(f"{place}/runs") == []
    assert ids(ours.get("/v1/schedules")) == [schedule["id"]]
    assert ours.ask("DELETE", place).status_code == 204
    refused(ours.ask("GET", place), 404, "not_found")


def test_a_schedule_runs_now(service: Service, ours: Client) -> None:
    schedule = made(ours)
    job = ours.post(f"/v1/schedules/{schedule['id']}/run")
    assert (job["state"], job["schedule_id"]) == ("queued", schedule["id"])
    assert service.queue.sent == [(job["id"], "interactive")]
    assert ids(ours.get("/v1/jobs", schedule_id=schedule["id"])) == [job["id"]]


def test_what_is_never_due_is_refused(ours: Client) -> None:
    for wrong in ({"cron": "0 0 30 2 *"}, {"cron": "daily"}, {"timezone": "Mars/Phobos"}):
        body = NIGHTLY | wrong | {"job": ours.spec()}
        refused(ours.ask("POST", "/v1/schedules", json=body), 422, "schedule")
