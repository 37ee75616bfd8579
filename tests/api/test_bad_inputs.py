"""What the command line refuses, uploads are refused for: the same files, the same codes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from afgen.jobs.preflight import Examiner
from afgen.jobs.settings import ServiceSettings
from tests.api.conftest import Client, Service, refused
from tests.media.bad_inputs import BAD_PORTRAITS, BAD_RECORDINGS, BadInput

pytestmark = pytest.mark.slow

LATE = {"media_corrupt", "media_timeout"}  # damage that only decoding the whole recording finds


@pytest.fixture
def examiner() -> Iterator[Examiner]:
    made = Examiner(children=1)
    yield made
    made.close()


@pytest.fixture
def ours(
    served: Callable[..., Service], sqlite_settings: ServiceSettings, examiner: Examiner
) -> Client:
    return served(sqlite_settings, examiner).client("ours", rate_burst=10_000)


def code_of(ours: Client, bad: BadInput, kind: str, path: Path) -> str:
    """The code of the refusal: of the upload, else of a job that needs it; "" if there is none."""
    files = {"file": (path.name, path.read_bytes())}
    upload = ours.ask("POST", "/v1/assets", data={"kind": kind}, files=files)
    if not upload.is_success:
        return str(refused(upload, 422, upload.json()["code"])["code"])
    inputs = {"portrait": "https://example.com/me.png", "conversation": upload.json()["id"]}
    job = ours.ask("POST", "/v1/jobs", json={"inputs": inputs})
    return "" if job.is_success else str(refused(job, 422, job.json()["code"])["code"])


def test_bad_files_are_refused_with_the_codes_of_the_command_line(
    ours: Client, tmp_path: Path
) -> None:
    late = []
    for kind, table in (("recording", BAD_RECORDINGS), ("portrait", BAD_PORTRAITS)):
        for bad in table:
            path = bad.make(tmp_path)
            if not path.is_file():
                continue  # nothing that could be sent
            code = code_of(ours, bad, kind, path)
            assert code in ("", bad.code), bad
            if not code:
                late.append(bad)
    assert {bad.code for bad in late} <= LATE
    assert len(late) <= 2, late
