from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from afgen.errors import SetupError
from afgen.jobs.settings import ServiceSettings, load_settings

SECRET = "a secret of this installation alone"
PRODUCTION = {
    "environment": "production",
    "secret_key": SECRET,
    "database_url": "postgresql://afgen:pw@db/afgen",
    "storage_url": "s3://bucket/prefix",
}


def test_development_needs_nothing() -> None:
    settings = ServiceSettings()
    assert settings.is_local and settings.storage_folder == Path("/var/lib/afgen")
    assert settings.keep_outputs == timedelta(days=30)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PRODUCTION.items():
        monkeypatch.setenv(f"AFGEN_{name.upper()}", value)
    monkeypatch.setenv("AFGEN_LEASE_S", "90")
    settings = ServiceSettings()
    assert settings.environment == "production" and settings.lease_s == 90
    assert settings.storage_folder is None


def test_secrets_do_not_show() -> None:
    settings = ServiceSettings(**PRODUCTION, s3_secret_key="hush hush")
    assert SECRET not in repr(settings) and "hush" not in settings.model_dump_json()


@pytest.mark.parametrize(
    "changed",
    [
        {"secret_key": "a secret for development only, 32+"},
        {"secret_key": "short"},
        {"database_url": "sqlite:///afgen.db"},
        {"database_url": "mysql://db/afgen"},
        {"database_url": "nonsense"},
        {"storage_url": "https://bucket"},
        {"lease_s": 10, "heartbeat_s": 9},
        {"max_attempts": 0},
    ],
    ids=repr,
)
def test_an_unsafe_production_is_refused(changed: dict[str, Any]) -> None:
    ServiceSettings(**PRODUCTION)
    with pytest.raises(ValidationError):
        ServiceSettings(**{**PRODUCTION, **changed})


def test_what_is_wrong_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFGEN_LEASE_S", "-7.25")
    monkeypatch.setenv("AFGEN_OUTBOUND_PORTS", "[1")
    with pytest.raises(SetupError, match="outbound_ports"):
        load_settings()
    monkeypatch.delenv("AFGEN_OUTBOUND_PORTS")
    with pytest.raises(SetupError, match=r"AFGEN_LEASE_S: .* greater than 0") as raised:
        load_settings()
    assert "7.25" not in raised.value.message
    monkeypatch.setenv("AFGEN_LEASE_S", "90")
    monkeypatch.setenv("AFGEN_SECRET_KEY", "a short secret")
    with pytest.raises(SetupError, match="AFGEN_SECRET_KEY must have 32") as raised:
        load_settings()
    assert "a short secret" not in str(raised.value.__context__)
