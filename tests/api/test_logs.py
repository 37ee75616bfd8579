import json
import logging
import sys

import pytest

from api.logs import JsonLines
from tests.api.conftest import Client


def test_each_request_is_a_line_that_tells_no_secret(
    ours: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "afgen.api.access"):
        ours.ask("GET", "/v1/jobs/job_x?secret=swordfish", headers={"X-Request-ID": "traced-1234"})
    (record,) = (one for one in caplog.records if one.name == "afgen.api.access")
    line = JsonLines().format(record)
    told = json.loads(line)
    assert told | {"ms": 0, "at": 0, "client": 0, "key_id": 0} == {
        "at": 0,
        "level": "info",
        "logger": "afgen.api.access",
        "message": "GET /v1/jobs/job_x 404",
        "request_id": "traced-1234",
        "method": "GET",
        "route": "/v1/jobs/{job_id}",
        "status": 404,
        "ms": 0,
        "tenant_id": ours.tenant_id,
        "key_id": 0,
        "client": 0,
    }
    assert "swordfish" not in line
    assert ours.token.rpartition("_")[2] not in line


def test_exceptions_stay_on_their_line() -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        record = logging.makeLogRecord({"msg": "failed\nbadly", "exc_info": sys.exc_info()})
    line = JsonLines().format(record)
    assert "\n" not in line
    assert "ValueError" in json.loads(line)["exception"]
