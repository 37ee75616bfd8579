"""Commands about who may use the service, on a database of their own."""

import json
from pathlib import Path

import pytest

from afgen.client.profile import Profile, write_profile
from afgen.jobs.embedded.first_key import first_key
from afgen.jobs.embedded.folder import DataFolder
from afgen.jobs.keys import authenticate
from afgen.jobs.store import open_store, utc_now
from migrations import upgrade
from tests.cli.conftest import Afgen


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    """The data of a service that ran here before."""
    made = DataFolder(tmp_path / "data")
    made.prepare()
    upgrade(made.settings)
    monkeypatch.setenv("AFGEN_DATA", str(made.path))
    monkeypatch.delenv("AFGEN_DATABASE_URL", raising=False)
    return made


def scopes_of(folder: DataFolder, token: str) -> frozenset[str]:
    """What a token allows. Raises KeyRefusedError."""
    store = open_store(folder.settings)
    try:
        return authenticate(store, token, utc_now()).scopes
    finally:
        store.close()


def test_a_key_is_made_listed_and_revoked(folder: DataFolder, afgen: Afgen) -> None:
    assert afgen("tenants", "create", "default").code == 0
    made = afgen("keys", "create", "website", "--scope", "jobs:read", "--days", "90")
    assert made.code == 0, made.err
    token = made.out.strip()
    assert token not in made.err
    assert scopes_of(folder, token) == {"jobs:read"}
    (key,) = json.loads(afgen("keys", "list", "--json").out)
    assert (key["name"], key["scopes"], key["revoked_at"]) == ("website", ["jobs:read"], None)
    listed = afgen("keys", "list").out
    assert key["id"] in listed
    assert token.rpartition("_")[2] not in listed
    assert afgen("keys", "revoke", key["id"]).code == 0
    assert "revoked" in afgen("keys", "list").out


def test_what_is_unknown_is_said_with_a_way_out(folder: DataFolder, afgen: Afgen) -> None:
    nobody = afgen("keys", "list", "--tenant", "nobody")
    assert nobody.code == 2
    assert "afgen tenants create nobody" in nobody.err
    assert afgen("tenants", "create", "default").code == 0
    again = afgen("tenants", "create", "default")
    assert again.code == 2
    assert "error (conflict)" in again.err
    assert "jobs:read" in afgen("keys", "create", "x", "--scope", "all").err
    elsewhere = afgen("keys", "list", "--data", folder.path / "nothing")
    assert elsewhere.code == 2
    assert "There is no service in" in elsewhere.err


def test_the_first_key_is_kept_while_it_is_good(folder: DataFolder, afgen: Afgen) -> None:
    first = first_key(folder.settings, None)
    assert first_key(folder.settings, first) == first
    (key,) = json.loads(afgen("keys", "list", "--json").out)
    assert afgen("keys", "revoke", key["id"]).code == 0
    assert first_key(folder.settings, first) != first
    assert "admin" in scopes_of(folder, first_key(folder.settings, None))


def test_the_profile_is_printed_for_a_shell(
    afgen: Afgen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AFGEN_URL", "AFGEN_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AFGEN_PROFILE", str(tmp_path / "profile.json"))
    write_profile(tmp_path / "profile.json", Profile("http://127.0.0.1:8000", "afk_1_2"))
    outcome = afgen("keys", "env")
    assert outcome.out == "export AFGEN_URL=http://127.0.0.1:8000\nexport AFGEN_API_KEY=afk_1_2\n"


def test_migrating_again_changes_nothing(folder: DataFolder, afgen: Afgen) -> None:
    for _ in range(2):
        assert "up to date" in afgen("migrate").err


@pytest.mark.parametrize("command", ["serve", "worker", "beat", "migrate"])
def test_wrong_settings_are_named_before_anything_starts(
    command: str, afgen: Afgen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFGEN_DATABASE_URL", "mysql://root:hush@host/db")
    outcome = afgen(command)
    assert outcome.code == 3
    assert "error (setup)" in outcome.err
    assert "AFGEN_DATABASE_URL: must be sqlite" in outcome.err
    assert "hush" not in outcome.err
