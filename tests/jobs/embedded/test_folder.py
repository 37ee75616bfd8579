"""The folder of a service on one machine."""

import stat
from pathlib import Path

import pytest

from afgen.errors import AlreadyRunningError, OptionError, OutputUnwritableError
from afgen.jobs.embedded.folder import DataFolder, default_folder, local_settings


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "data")
    made.prepare()
    return made


def test_others_cannot_read_what_is_in_it(folder: DataFolder) -> None:
    assert folder.environment["AFGEN_SECRET_KEY"]
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder.path / "secrets.json").stat().st_mode) == 0o600


def test_settings_are_its_own_and_stay(folder: DataFolder, tmp_path: Path) -> None:
    other = DataFolder(tmp_path / "other")
    other.prepare()
    assert folder.settings == folder.settings
    assert folder.settings.secret_key != other.settings.secret_key
    assert folder.settings.storage_folder == folder.path / "blobs"


def test_commands_find_the_service_that_is_meant(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AFGEN_DATABASE_URL", raising=False)
    monkeypatch.setenv("AFGEN_DATA", str(folder.path))
    with pytest.raises(OptionError, match="There is no service in"):
        local_settings(None)
    folder.database.touch()
    assert local_settings(None) == local_settings(folder.path) == folder.settings
    monkeypatch.setenv("AFGEN_DATABASE_URL", "sqlite:////else.db")
    assert local_settings(None).database_url == "sqlite:////else.db"
    assert local_settings(folder.path) == folder.settings


def test_only_one_holds_it(folder: DataFolder) -> None:
    with (
        folder.held(),
        pytest.raises(AlreadyRunningError, match=r"process \d+"),
        folder.held(),
    ):
        pass
    with folder.held():
        pass


def test_a_file_in_its_place_is_an_error_with_a_type(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputUnwritableError):
        DataFolder(tmp_path / "file").prepare()


def test_it_lies_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "afgen"
    monkeypatch.setenv("AFGEN_DATA", str(tmp_path / "mine"))
    assert default_folder() == tmp_path / "mine"
