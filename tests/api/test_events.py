from tests.api.conftest import Client, Service, refused
from tests.api.test_jobs import finished


def kinds(stream: str) -> list[str]:
    return [line.removeprefix("event: ") for line in stream.splitlines() if line[:6] == "event:"]


def test_a_stream_tells_everything_and_ends_with_the_job(service: Service, ours: Client) -> None:
    job = finished(service, ours)
    stream = ours.ask("GET", f"/v1/jobs/{job['id']}/events")
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert kinds(stream.text) == ["job.queued", "job.running", "job.succeeded"]
    assert "blob_key" not in stream.text
    assert "lease_token" not in stream.text


def test_a_stream_goes_on_after_the_last_event_that_is_known(
    service: Service, ours: Client
) -> None:
    place = f"/v1/jobs/{finished(service, ours)['id']}/events"
    first = next(
        line for line in ours.ask("GET", place).text.splitlines() if line.startswith("id: ")
    )
    again = ours.ask("GET", place, headers={"Last-Event-ID": first.removeprefix("id: ")})
    assert kinds(again.text) == ["job.running", "job.succeeded"]


def test_the_streams_of_others_do_not_exist(service: Service, ours: Client, theirs: Client) -> None:
    job = finished(service, ours)
    refused(theirs.ask("GET", f"/v1/jobs/{job['id']}/events"), 404, "not_found")


def test_a_process_bears_so_many_streams(service: Service, ours: Client) -> None:
    place = f"/v1/jobs/{finished(service, ours)['id']}/events"
    streams = service.app.state.streams
    streams.total_tokens = 1
    assert [len(kinds(ours.ask("GET", place).text)) for _ in range(2)] == [3, 3]
    streams.total_tokens = 0
    assert refused(ours.ask("GET", place), 503, "unavailable")["retryable"]
