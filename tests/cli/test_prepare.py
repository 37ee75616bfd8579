"""`afgen prepare` as typed: what it refuses. What it makes is tested in tests/data."""

from pathlib import Path

import pytest

from tests.cli.conftest import Afgen

CORPUS = "corpus"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / CORPUS
    folder.mkdir()
    (folder / "one.mp4").write_text("not a recording")
    return folder


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--shard", "2/2"), "--shard 2/2"),
        (("--shard", "first"), "--shard first"),
        (("--shard", "0/2", "--merge"), "--merge"),
        (("--gate", "beauty=1"), "beauty"),
        (("--gate", "face_px=large"), "large"),
        (("--features", "flame"), "flame"),
        (("--voices", "nowhere"), "nowhere"),
    ],
)
def test_options_that_make_no_sense(
    options: tuple[str, ...], said: str, afgen: Afgen, corpus: Path, tmp_path: Path
) -> None:
    outcome = afgen("prepare", corpus, "-o", tmp_path / "out", *options)
    assert outcome.code == 2
    assert "(option)" in outcome.err
    assert said in outcome.err
    assert not (tmp_path / "out").exists()


def test_merging_before_preparing(afgen: Afgen, corpus: Path, tmp_path: Path) -> None:
    outcome = afgen("prepare", corpus, "-o", tmp_path / "out", "--merge")
    assert outcome.code == 2
    assert "1 of 1 recordings" in outcome.err
    assert "one" in outcome.err


def test_a_place_that_may_not_be_written(afgen: Afgen, corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    outcome = afgen("prepare", corpus, "-o", tmp_path / "file" / "out")
    assert outcome.code == 2
    assert "output" in outcome.err


@pytest.mark.slow
def test_a_corpus_of_nothing_usable_is_reported(afgen: Afgen, corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    outcome = afgen("prepare", corpus, "-o", out, "--workers", 1, "--json")
    assert outcome.code == 0
    assert '"unusable": 1' in outcome.out
    assert "one.mp4" in (out / "report.html").read_text()
    again = afgen("prepare", corpus, "-o", out, "--workers", 1, "--json", "--tidy")
    assert '"already_prepared": 1' in again.out
    assert not (out / "parts").exists()
