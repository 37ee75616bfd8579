"""Files that lie in S3: clients send them there, and fetch them from there."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from afgen.jobs.blobs.interface import PART_BYTES
from afgen.jobs.settings import ServiceSettings
from tests.api.conftest import SECRET, URL, Service, refused
from tests.jobs.blobs.places import BUCKET, moto

pytestmark = pytest.mark.slow


@pytest.fixture
def service(served: Callable[..., Service], template: Path, tmp_path: Path) -> Iterator[Service]:
    shutil.copy(template, tmp_path / "service.db")
    with moto(tmp_path) as place:
        assert place.s3 is not None
        httpx.put(f"{place.s3.endpoint}/{BUCKET}").raise_for_status()
        settings = ServiceSettings(
            database_url=f"sqlite:///{tmp_path / 'service.db'}",
            storage_url=f"s3://{BUCKET}/service",
            s3_endpoint=place.s3.endpoint,
            s3_access_key=place.s3.access_key,
            s3_secret_key=place.s3.secret_key,
            secret_key=SECRET,
            public_url=URL,
        )
        yield served(settings)


def test_a_large_file_goes_to_the_store_itself(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("afgen.jobs.uploads.MULTIPART_FROM_BYTES", PART_BYTES)
    ours, content = service.client("ours"), b"video".ljust(PART_BYTES + 7)
    body = {"kind": "recording", "filename": "call.mp4", "bytes": len(content)}
    place = f"/v1/uploads/{ours.post('/v1/uploads', body)['id']}"
    for missing in (2, 1):
        requests = ours.get(place)["requests"]
        assert len(requests) == missing
        assert URL not in requests[-1]["url"]
        piece = requests[-1]
        data = content[piece["offset"] : piece["offset"] + piece["bytes"]]
        assert httpx.put(piece["url"], content=data).status_code == 200
    asset = ours.post(f"{place}/complete")
    assert (asset["state"], asset["bytes"]) == ("ready", len(content))
    sent_on = ours.ask("GET", f"/v1/assets/{asset['id']}/content")
    assert httpx.get(sent_on.headers["location"]).content == content


def test_the_api_answers_no_addresses_of_a_store_that_does(service: Service) -> None:
    refused(service.http.get("/v1/blobs/inputs/a"), 404, "not_found")
