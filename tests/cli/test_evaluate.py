"""The comparison as typed, on made-up conversations and untrained weights."""

import json
import warnings
from pathlib import Path

import pytest
import torch

from afgen.baseline.config import beside
from afgen.baseline.weights import save_baseline, untrained_baseline
from afgen.data.shards import Sample, ShardWriter
from afgen.generator.weights import save_generator, untrained_generator
from tests.cli.conftest import Afgen
from tests.evaluate.comparison.test_systems import SMALL
from tests.evaluate.made_cases import made_dyads
from tests.evaluate.metrics.test_networks import Both, Mean
from tests.media.samples import ffmpeg

pytestmark = pytest.mark.slow

QUICK = ("--nfe", "3", "--intervals", "100")


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared") / "shards"
    with ShardWriter(folder, {"made": "up"}) as writer:
        for sample in made_dyads(4, frames=45).samples.values():
            writer.add(Sample(sample.key, sample.metadata, sample.arrays))
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("weights")
    stream, window = folder / "generator.safetensors", folder / "baseline.safetensors"
    save_generator(stream, untrained_generator(SMALL), provenance={}, features={})
    save_baseline(window, untrained_baseline(beside(SMALL)), provenance={}, features={})
    return stream, window


def test_the_paper_s_table_comes_from_one_command(
    afgen: Afgen, shards: Path, weights: tuple[Path, Path], tmp_path: Path
) -> None:
    stream, window = weights
    again = ("--without-user", "ours", "--without-user-motion", "ours")
    rows = ("--system", f"ours={stream}", *again, "--system", f"INFP*={window}")
    outcome = afgen("evaluate", shards, "-o", tmp_path / "out", *rows, *QUICK, "--json")
    assert outcome.code == 0, outcome.err
    result = json.loads(outcome.out)
    names = [row["name"] for row in result["rows"]]
    less = ["ours without user", "ours without user motion"]
    assert names == ["ground truth", "ours", *less, "INFP*"]
    ours, baseline = result["rows"][1]["latency"], result["rows"][4]["latency"]
    assert baseline["window_s"] == 7.5 * ours["window_s"]
    written = {path.name for path in (tmp_path / "out").iterdir()}
    wanted = {"results.json", "table.md", "table.tex", "figures.png", "courses.png", "motions"}
    assert written == wanted
    assert json.loads((tmp_path / "out" / "results.json").read_text()) == result
    assert len(list((tmp_path / "out" / "motions").iterdir())) == 4 * 4


@pytest.mark.slow
def test_a_second_run_generates_nothing_and_gives_the_same_figures(
    afgen: Afgen, shards: Path, weights: tuple[Path, Path], tmp_path: Path
) -> None:
    command = ("evaluate", shards, "-o", tmp_path, "--system", f"ours={weights[0]}", *QUICK)
    first = json.loads(afgen(*command, "--json").out)
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "motions").iterdir()}
    second = json.loads(afgen(*command, "--json").out)
    assert made == {path: path.stat().st_mtime_ns for path in (tmp_path / "motions").iterdir()}
    assert [row["figures"] for row in first["rows"]] == [row["figures"] for row in second["rows"]]
    table = afgen(*command, "--clips", "2")
    assert table.code == 0, table.err
    assert "ground truth" in " ".join(table.out.split())


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (("--system", "ours"), 2, "NAME=WEIGHTS"),
        (("--system", "ours=nowhere.safetensors"), 2, "neither a file nor a preset"),
        (("--system", "ours=portrait", "--without-user", "theirs"), 2, "no such --system"),
        (("--system", "ours=portrait", "--without-user-motion", "a"), 2, "--without-user-motion a"),
        (("--system", "ours=portrait@volume=2"), 2, "after @"),
    ],
)
def test_rows_that_make_no_sense_are_refused(
    afgen: Afgen, shards: Path, tmp_path: Path, options: tuple[str, ...], code: int, told: str
) -> None:
    outcome = afgen("evaluate", shards, "-o", tmp_path, *options)
    assert outcome.code == code
    assert told in " ".join(outcome.err.split())
    assert not list(tmp_path.iterdir())


def test_a_folder_without_shards_says_how_to_make_them(afgen: Afgen, tmp_path: Path) -> None:
    outcome = afgen("evaluate", tmp_path, "-o", tmp_path / "out", "--system", "ours=portrait")
    assert outcome.code == 2
    assert "afgen prepare" in " ".join(outcome.err.split())


@pytest.mark.slow
def test_videos_are_compared_through_the_user_s_networks(afgen: Afgen, tmp_path: Path) -> None:
    truth, made = tmp_path / "truth", tmp_path / "made"
    for folder, source in ((truth, "testsrc2"), (made, "testsrc")):
        folder.mkdir()
        for name in ("a", "b"):
            picture = ("-f", "lavfi", "-i", f"{source}=s=64x64:r=25:d=1")
            sound = ("-f", "lavfi", "-i", "sine=frequency=200:duration=1")
            ffmpeg(*picture, *sound, "-pix_fmt", "yuv420p", folder / f"{name}.mp4")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(Mean()).save(str(tmp_path / "mean.pt"))
        torch.jit.script(Both()).save(str(tmp_path / "both.pt"))
    files = [
        part
        for option in ("--fid-features", "--fvd-features", "--csim-features")
        for part in (option, tmp_path / "mean.pt")
    ]
    networks = (*files, "--syncnet", tmp_path / "both.pt")
    outcome = afgen("bench", "videos", truth, made, *networks, "--json")
    assert outcome.code == 0, outcome.err
    scores = json.loads(outcome.out)
    assert scores["videos"] == 2
    assert scores["fid"] > 0
    assert scores["fvd"] > 0
    assert -1 <= scores["csim"]["value"] <= 1
    assert scores["lse_distance"]["value"] >= 0
    same = json.loads(afgen("bench", "videos", truth, truth, *networks, "--json").out)
    assert same["fid"] == pytest.approx(0, abs=1e-3)
    (truth / "b.mp4").unlink()
    assert "b.mp4" in afgen("bench", "videos", truth, made, *networks).err
    assert afgen("bench", "videos", truth, made).code == 2
