"""The autoencoder as typed: from shards with pictures to weights that are measured and used."""

import json
from pathlib import Path

import numpy as np
import pytest

from afgen.autoencoder.lia.weights import load_autoencoder
from afgen.data.crops import pack_pictures
from afgen.data.faces import REGIONS
from afgen.data.shards import Sample, ShardWriter
from afgen.train.log import read_log
from tests.cli.conftest import Afgen
from tests.train.mouths import REGIONS_R4, face

TINY = (
    *("--set", "model.latent_dim=8", "--set", "model.directions=3"),
    *("--set", "model.max_channels=8", "--set", "pairs.rows=2", "--set", "pairs.evaluated=2"),
    *("--set", "pairs.held_out=0.5", "--set", "adversary.network.max_channels=4"),
    *("--set", "adversary.begins=1", "--set", "loop.log_every=1"),
    *("--set", "loop.evaluate_every=0", "--set", "loop.sample_every=0"),
)


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    folder = tmp_path / "shards"
    with ShardWriter(folder, {}) as writer:
        for number in range(6):
            pictures = [face(open_) for open_ in np.linspace(0, 1, 25)]
            arrays = {f"avatar_{name}": array for name, array in pack_pictures(pictures).items()}
            arrays[f"avatar_{REGIONS}"] = np.repeat(REGIONS_R4[None], 25, axis=0)
            writer.add(Sample(f"clip{number}", {"frames": 25}, arrays))
    return folder


@pytest.mark.slow
def test_train_measure_and_import(
    afgen: Afgen, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    begin = ("train", "autoencoder", shards, "-o", run, "--device", "cpu")
    outcome = afgen(*begin, *TINY, "--set", "loop.steps=3")
    assert outcome.code == 0, outcome.err
    assert read_log(run)[-1]["step"] == 3
    weights = run / "autoencoder.safetensors"
    network, checkpoint = load_autoencoder(weights)
    assert (network.config.size, network.config.directions) == (64, 3)
    assert checkpoint.provenance["recipe"] == "lia-64"

    outcome = afgen("bench", "reconstruction", weights, shards, "--targets", "2", "--json")
    assert outcome.code == 0, outcome.err
    told = json.loads(outcome.out)
    rows = told["clips"]
    assert [row["clip"] for row in rows] == [*(f"clip{number}" for number in range(6)), "mean"]
    assert rows[-1]["dB"] == pytest.approx(np.mean([row["dB"] for row in rows[:-1]]))
    gain = next(one for one in told["gains"] if one["figure"] == "psnr_db")
    assert gain["over_copied"]["value"] == pytest.approx(rows[-1]["dB"] - rows[-1]["copy dB"])

    monkeypatch.setenv("AFGEN_WEIGHTS", str(tmp_path / "store"))
    outcome = afgen("weights", "import", "trained", "--autoencoder", weights)
    assert outcome.code == 0, outcome.err
    kept, _ = load_autoencoder(tmp_path / "store" / "trained" / "autoencoder.safetensors")
    for name, value in network.state_dict().items():
        assert kept.state_dict()[name].equal(value), name


def test_a_misspelt_setting_names_the_nearest(afgen: Afgen, shards: Path, tmp_path: Path) -> None:
    outcome = afgen(
        "train", "autoencoder", shards, "-o", tmp_path / "run", "--set", "model.latentdim=8"
    )
    assert outcome.code == 2
    assert "model.latent_dim" in outcome.err


def test_shards_without_pictures_say_how_to_get_them(afgen: Afgen, tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "heard", {}) as writer:
        writer.add(Sample("one", {}, {"avatar_audio_S": np.zeros(16_000, np.int16)}))
    outcome = afgen("train", "autoencoder", tmp_path / "heard", "-o", tmp_path / "run")
    assert outcome.code == 2
    assert "--crops" in outcome.err
