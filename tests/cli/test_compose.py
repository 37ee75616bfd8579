"""`afgen compose` as typed. What it makes is tested in tests/data/test_composed.py."""

from pathlib import Path

from afgen.data.shards import open_shards
from tests.cli.conftest import Afgen
from tests.data.made import made_clips, write_shards


def test_conversations_are_composed_of_shards(afgen: Afgen, tmp_path: Path) -> None:
    write_shards(tmp_path / "talking", made_clips(3))
    command = ("compose", tmp_path / "talking", "-o", tmp_path / "out")
    outcome = afgen(*command, "--conversations", 2, "--seconds", 6, "--seed", 5, "--recorded")
    assert outcome.code == 0, outcome.err
    shards = open_shards(tmp_path / "out")
    assert shards.keys == ["composed-5-0000", "composed-5-0001"]
    assert {entry.metadata["frames"] for entry in shards.entries} == {150}
    again = afgen("compose", tmp_path / "talking", "-o", tmp_path / "talking")
    assert again.code == 2
    assert "prepared recordings" in " ".join(again.err.split())


def test_a_folder_without_shards_says_how_to_make_them(afgen: Afgen, tmp_path: Path) -> None:
    outcome = afgen("compose", tmp_path, "-o", tmp_path / "out")
    assert outcome.code == 2
    assert "afgen prepare" in " ".join(outcome.err.split())
