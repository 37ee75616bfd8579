"""Which service is meant."""

import stat
from pathlib import Path

import pytest

from afgen.client.profile import Profile, find_profile, read_profile, write_profile
from afgen.errors import OptionError

HERE = Profile("http://127.0.0.1:8000", "afk_here")


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file of a user whose environment says nothing."""
    for name in ("AFGEN_URL", "AFGEN_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "afgen" / "profile.json"
    monkeypatch.setenv("AFGEN_PROFILE", str(path))
    return path


def test_it_is_private_and_comes_back(kept: Path) -> None:
    write_profile(kept, HERE)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert read_profile(kept) == HERE
    assert find_profile(None, None) == HERE
    assert "afk" not in repr(HERE)


def test_options_come_before_the_environment_and_that_before_the_file(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_profile(kept, HERE)
    monkeypatch.setenv("AFGEN_URL", "https://there.test/")
    monkeypatch.setenv("AFGEN_API_KEY", "afk_there")
    assert find_profile(None, None) == Profile("https://there.test", "afk_there")
    assert find_profile("https://else.test", "afk_else").url == "https://else.test"


def test_a_key_goes_to_no_other_address(kept: Path) -> None:
    write_profile(kept, HERE)
    with pytest.raises(OptionError, match=r"No key to https://else\.test"):
        find_profile("https://else.test", None)


@pytest.mark.parametrize("text", ["", "[]", '{"url": 1, "other": 2}'])
def test_a_file_of_something_else_is_said_so(kept: Path, text: str) -> None:
    kept.parent.mkdir()
    kept.write_text(text)
    with pytest.raises(OptionError, match="cannot be read"):
        find_profile(None, None)


def test_without_any_it_says_how_to_get_one() -> None:
    with pytest.raises(OptionError, match="No service is known") as raised:
        find_profile(None, None)
    assert "afgen up" in raised.value.advice
    with pytest.raises(OptionError, match="is no address"):
        find_profile("service.test", "afk")
