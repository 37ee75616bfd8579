"""Commands that speak to a service, on one that is played."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer.main
from rich.console import Console

from afgen.cli import app, watching
from afgen.cli.jobs import NOT_OF_A_JOB
from afgen.client.connection import Connection
from afgen.client.profile import Profile
from afgen.client.values import Job
from tests.cli.conftest import Afgen, Inputs
from tests.client.servers import Played, problem

VIDEO = b"not really a video" * 1000
MADE = {"bytes": len(VIDEO), "sha256": hashlib.sha256(VIDEO).hexdigest()}
EVENTS = "GET /v1/jobs/job_1/events"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Played:
    """A service that knows the files already, and that every command finds."""
    monkeypatch.setenv("AFGEN_URL", "http://service.test")
    monkeypatch.setenv("AFGEN_API_KEY", "afk_test")
    played = Played()

    def connection(profile: Profile) -> Connection:
        return played.connection()

    monkeypatch.setattr("afgen.client.connection.Connection", connection)
    return played


def job(state: str, **more: Any) -> dict[str, Any]:
    plain = {"id": "job_1", "state": state, "created_at": "2026-03-01T09:30:00Z"}
    return {**plain, "progress": {"done": 0, "total": None, "eta_s": None}, **more}


def answer(value: Any, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=value)


def knows_files(service: Played, inputs: Inputs) -> None:
    """Each upload is found to be there."""
    asset_ids = {inputs.portrait.name: "ast_me", inputs.voice.name: "ast_voice"}
    files = {asset_ids[path.name]: path for path in (inputs.portrait, inputs.voice)}

    def begun(request: httpx.Request) -> httpx.Response:
        return answer({"id": asset_ids[json.loads(request.content)["filename"]]}, 201)

    service.lay("POST /v1/uploads", begun)
    for asset_id, path in files.items():
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        ready = {"id": asset_id, "state": "ready", "filename": path.name, "bytes": 1}
        service.lay(f"GET /v1/assets/{asset_id}", answer({**ready, "sha256": sha256}))


def goes_well(service: Played) -> None:
    """A job that runs, is watched over one break, and succeeds."""
    events = [("queued", {}), ("running", {"attempts": 1})]
    progress = {"phase": "rendering", "progress": {"done": 50, "total": 100, "eta_s": 2.0}}
    first = stream(*events) + f"event: job.progress\ndata: {json.dumps({'data': progress})}\n\n"
    service.lay(EVENTS, httpx.Response(200, text=first))
    service.lay(EVENTS, httpx.Response(200, text=stream(("succeeded", {}))))
    done = job("succeeded", outputs={"video": MADE})
    service.lay("GET /v1/jobs/job_1", answer(job("running")), answer(done))
    video = httpx.Response(200, content=iter([VIDEO]))
    service.lay("GET /v1/jobs/job_1/outputs/video", video)


def stream(*events: tuple[str, dict[str, Any]]) -> str:
    return "".join(
        f"id: {number}\nevent: job.{state}\n"
        f"data: {json.dumps({'data': {'state': state, **more}})}\n\n"
        for number, (state, more) in enumerate(events, start=1)
    )


def asked(service: Played, method: str, path: str) -> Any:
    """The last body that was sent there."""
    found = [one for one in service.asked if (one.method, one.url.path) == (method, path)]
    return json.loads(found[-1].content)


def test_submit_takes_what_render_takes(service: Played, afgen: Afgen, inputs: Inputs) -> None:
    knows_files(service, inputs)
    service.lay("POST /v1/jobs", answer(job("queued"), 201))
    files = (inputs.portrait, "--avatar-audio", inputs.voice)
    outcome = afgen("jobs", "submit", *files, "--size", "256", "--layout", "side-by-side")
    assert (outcome.code, outcome.out) == (0, "job_1\n"), outcome.err
    assert asked(service, "POST", "/v1/jobs") == {
        "inputs": {"portrait": "ast_me", "avatar_audio": "ast_voice"},
        "avatar": "auto",
        "settings": {"size": 256, "layout": "side-by-side"},
        "priority": "interactive",
    }


def options(*words: str) -> set[str]:
    """What a command takes, by the names of its parameters."""
    command: Any = typer.main.get_command(app)
    for word in words:
        command = command.commands[word]
    return {parameter.name for parameter in command.params}


@pytest.mark.parametrize("command", [("jobs", "submit"), ("schedule", "create")])
def test_options_are_those_of_render(command: tuple[str, ...]) -> None:
    of_render = options("render") - NOT_OF_A_JOB
    assert {"portrait", "conversation", "seed", "start_s"} <= of_render <= options(*command)


def test_wait_ends_in_the_video(service: Played, afgen: Afgen, inputs: Inputs, place: Path) -> None:
    knows_files(service, inputs)
    goes_well(service)
    service.lay("POST /v1/jobs", answer(job("queued"), 201))
    files = (inputs.portrait, "--avatar-audio", inputs.voice)
    outcome = afgen("jobs", "submit", *files, "--wait", "-o", place / "out.mp4")
    assert (outcome.code, outcome.out) == (0, "job_1\n"), outcome.err
    assert (place / "out.mp4").read_bytes() == VIDEO
    told = [line for line in outcome.err.splitlines() if line.startswith("job_1 ")]
    assert told == [
        "job_1 queued",
        "job_1 running",
        "job_1 rendering, 50 of 100 frames",
        "job_1 succeeded",
    ]
    assert "Trying again" in outcome.err


def test_an_output_that_exists_is_refused_before_anything_is_sent(
    service: Played, afgen: Afgen, inputs: Inputs, place: Path
) -> None:
    (place / "out.mp4").touch()
    files = (inputs.portrait, "--avatar-audio", inputs.voice)
    outcome = afgen("jobs", "submit", *files, "--wait", "-o", place / "out.mp4")
    assert outcome.code == 2
    assert "--force" in outcome.err
    assert service.asked == []


def test_a_job_that_fails_is_the_error_of_the_command_line(service: Played, afgen: Afgen) -> None:
    error = {"code": "no_face", "message": "Nobody is there.", "hint": "Look again."}
    service.lay("GET /v1/jobs/job_1", answer(job("failed", error=error)))
    outcome = afgen("jobs", "watch", "job_1")
    assert outcome.code == 2
    assert "error (no_face): Nobody is there." in outcome.err
    assert "Look again." in outcome.err
    shown = afgen("jobs", "show", "job_1")
    assert "Nobody is there. (no_face)" in " ".join(shown.out.split())


def test_an_end_that_was_undone_is_not_the_end(service: Played, afgen: Afgen) -> None:
    """The events of a job that was retried begin with those of its first life."""
    lives = ("queued", "running", "canceled", "queued", "running", "succeeded")
    service.lay(EVENTS, httpx.Response(200, text=stream(*((state, {}) for state in lives))))
    answers = [job("running"), job("running"), job("succeeded")]
    service.lay("GET /v1/jobs/job_1", *map(answer, answers))
    outcome = afgen("jobs", "watch", "job_1")
    assert outcome.code == 0, outcome.err
    told = [line.removeprefix("job_1 ") for line in outcome.err.splitlines() if "job_1 " in line]
    assert told[:6] == list(lives)


def test_a_job_that_is_nobodys_is_not_found(service: Played, afgen: Afgen) -> None:
    service.lay("GET /v1/jobs/job_1", problem(404, "not_found", "There is no job job_1."))
    outcome = afgen("jobs", "show", "job_1")
    assert outcome.code == 2
    assert "error (not_found): There is no job job_1." in outcome.err


def test_lists_are_fetched_page_by_page(service: Played, afgen: Afgen) -> None:
    pages = [
        {"items": [job("queued", id="job_3"), job("queued", id="job_2")], "next_cursor": "c"},
        {"items": [job("queued")], "next_cursor": None},
    ]
    service.lay("GET /v1/jobs", *map(answer, pages))
    outcome = afgen("jobs", "list", "--state", "queued", "--json")
    assert [one["id"] for one in json.loads(outcome.out)] == ["job_3", "job_2", "job_1"]
    assert [one.url.params.get("cursor") for one in service.asked] == [None, "c"]
    assert {one.url.params["state"] for one in service.asked} == {"queued"}


def test_canceled_and_retried(service: Played, afgen: Afgen) -> None:
    service.lay("POST /v1/jobs/job_1/cancel", answer(job("canceling")))
    service.lay("POST /v1/jobs/job_1/retry", answer(job("queued")))
    assert afgen("jobs", "cancel", "job_1").err == "canceling job_1\n"
    assert afgen("jobs", "retry", "job_1").err == "queued job_1\n"


def test_a_batch_uploads_each_file_once(
    service: Played, afgen: Afgen, inputs: Inputs, tmp_path: Path
) -> None:
    knows_files(service, inputs)
    made = {"id": "bat_1", "name": "calls", "total": 2, "counts": {"queued": 2}}
    service.lay("POST /v1/batches", answer({**made, "created_at": "2026-03-01T09:30:00Z"}, 201))
    calls = tmp_path / "calls.csv"
    row = f"{inputs.portrait},{inputs.voice}"
    calls.write_text(f"name,portrait,avatar_audio,seed\na,{row},1\nb,{row},2\n")
    outcome = afgen("batch", "submit", calls)
    assert (outcome.code, outcome.out) == (0, "bat_1\n"), outcome.err
    assert sum(one.url.path == "/v1/uploads" for one in service.asked) == 2
    body = asked(service, "POST", "/v1/batches")
    assert [item["key"] for item in body["items"]] == ["a", "b"]
    assert [item["job"]["settings"] for item in body["items"]] == [{"seed": 1}, {"seed": 2}]


def test_a_batch_is_looked_at_and_canceled(service: Played, afgen: Afgen) -> None:
    made = {"id": "bat_1", "name": "calls", "total": 3, "created_at": "2026-03-01T09:30:00Z"}
    counts = {"queued": 1, "succeeded": 2}
    service.lay("GET /v1/batches/bat_1", answer({**made, "counts": counts}))
    service.lay("POST /v1/batches/bat_1/cancel", answer({**made, "counts": counts}))
    shown = afgen("batch", "status", "bat_1")
    assert ["succeeded", "2"] in [line.split() for line in shown.out.splitlines()]
    assert "2 of 3 had ended" in afgen("batch", "cancel", "bat_1").err


def test_results_of_a_batch_are_fetched_once(service: Played, afgen: Afgen, place: Path) -> None:
    error = {"code": "no_face", "message": "Nobody is there.", "hint": "Look again."}
    lines = [
        {"key": "a", "job_id": "job_1", "state": "succeeded", "outputs": {"video": MADE}},
        {"key": "b", "job_id": "job_2", "state": "failed", "outputs": {}, "error": error},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    service.lay("GET /v1/batches/bat_1/results", httpx.Response(200, text=text))
    service.lay("GET /v1/jobs/job_1/outputs/video", httpx.Response(200, content=iter([VIDEO])))
    for _ in range(2):
        outcome = afgen("batch", "results", "bat_1", "-o", place)
        assert outcome.code == 2
        assert "no_face" in outcome.out
        assert (place / "a.mp4").read_bytes() == VIDEO
    assert sum("outputs" in one.url.path for one in service.asked) == 1
    record = json.loads((place / "results.json").read_text())
    assert [one["state"] for one in record] == ["succeeded", "failed"]


def test_a_schedule_is_made_paused_and_shown(service: Played, afgen: Afgen, inputs: Inputs) -> None:
    knows_files(service, inputs)
    made = {
        "id": "sch_1", "name": "nightly", "cron": "30 2 * * *", "timezone": "Europe/Berlin",
        "overlap": "skip", "misfire": "once", "enabled": True, "next_at": "2026-03-02T01:30:00Z",
    }  # fmt: skip
    service.lay("POST /v1/schedules", answer(made, 201))
    service.lay("GET /v1/schedules/sch_1", answer({**made, "enabled": False}))
    run = {"due_at": "2026-03-01T01:30:00Z", "outcome": "submitted", "job_id": "job_1"}
    service.lay("GET /v1/schedules/sch_1/runs", answer([run]))
    files = (inputs.portrait, "--avatar-audio", inputs.voice, "--name", "nightly")
    when = ("--cron", "30 2 * * *", "--zone", "Europe/Berlin")
    assert afgen("schedule", "create", *files, *when).out == "sch_1\n"
    assert asked(service, "POST", "/v1/schedules")["job"]["priority"] == "batch"
    shown = afgen("schedule", "show", "sch_1").out
    for part in ("paused", "submitted", "job_1"):
        assert part in shown


def test_terminals_see_one_line_that_lives() -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=100)
    with watching.live(screen) as show:
        show(Job.model_validate(job("queued", queue_position=3)))
        progress = {"done": 30, "total": 100, "eta_s": 75.0}
        show(Job.model_validate(job("running", phase="rendering", progress=progress, attempts=2)))
        show(Job.model_validate(job("succeeded")))
    assert isinstance(screen.file, io.StringIO)
    seen = screen.file.getvalue()
    assert "succeeded" in seen
    assert "100%" in seen


def test_what_is_out_of_the_ordinary_is_told() -> None:
    waiting = Job.model_validate(job("queued", queue_position=3))
    assert watching.plain(waiting) == "queued, 3 before it"
    again = Job.model_validate(job("running", phase="rendering", attempts=2))
    assert watching.plain(again) == "rendering (attempt 2)"
    assert [watching.clock(seconds) for seconds in (5, 75, 3675)] == ["0:05", "1:15", "1:01:15"]
