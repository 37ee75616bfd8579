"""The speed benches as typed, at their smallest."""

import json
from pathlib import Path

import numpy as np
import pytest

from afgen.clock import SAMPLE_RATE_HZ
from afgen.media.audio import write_wav
from tests.cli.conftest import Afgen
from tests.evaluate.listening.test_listeners import write as write_listeners

pytestmark = pytest.mark.slow


def test_the_generator_bench_sets_its_time_beside_the_roofline(afgen: Afgen) -> None:
    outcome = afgen("bench", "generator", "--untrained", "--blocks", "1", "--nfe", "4", "--json")
    assert outcome.code == 0, outcome.err
    result = json.loads(outcome.out)
    (figures,) = result["figures"]
    assert figures["block_s"] > 0
    assert figures["work"]["flops"] > 1e8
    assert figures["roofline_s"] > 0
    assert result["targets"] == []  # those of a GPU


@pytest.mark.slow
def test_rows_are_set_beside_one_recording(afgen: Afgen) -> None:
    outcome = afgen(
        "bench", "generator", "--untrained", "--rows", "2", "--blocks", "1", "--nfe", "4"
    )
    assert outcome.code == 0, outcome.err
    assert "1 recording" in outcome.out
    assert "2 recordings" in outcome.out
    assert "roofline" in outcome.out


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [("--preset", "portrait"), ("--preset", "avatar-forcing", "--untrained")]
)
def test_the_autoencoder_bench_draws_frames(afgen: Afgen, options: tuple[str, ...]) -> None:
    outcome = afgen("bench", "autoencoder", *options, "--size", "128", "--frames", "10", "--json")
    assert outcome.code == 0, outcome.err
    figures = json.loads(outcome.out)
    assert figures["size"] == 128
    assert figures["decode_frame_s"] > 0
    assert (figures["work"] is None) == (options == ("--preset", "portrait"))


@pytest.mark.slow
def test_drift_with_and_without_an_anchor_side_by_side(afgen: Afgen, tmp_path: Path) -> None:
    noise_2S = np.random.default_rng(0).normal(0, 0.05, (2, SAMPLE_RATE_HZ)).astype(np.float32)
    write_wav(tmp_path / "call.wav", noise_2S)
    small = ("--minutes", "0.05", "--parts", "2", "--nfe", "4", "--json")
    outcome = afgen(
        "bench", "drift", tmp_path / "call.wav", "--untrained", "--listening", "--anchor", "0.2",
        *small,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    rows = json.loads(outcome.out)
    assert [row["anchor"] for row in rows] == [0.0, 0.2, 0.0, 0.2]
    assert "random" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("generator", "--type", "bfloat16"), "--untrained"),
        (("generator", "--preset", "nobody", "--untrained"), "nobody"),
        (("autoencoder", "--device", "cuda"), "CUDA"),
    ],
)
def test_what_cannot_be_measured_is_said(
    afgen: Afgen, arguments: tuple[str, ...], problem: str
) -> None:
    outcome = afgen("bench", *arguments)
    assert outcome.code in (2, 3)
    assert problem in outcome.err


def test_listeners_of_shards_are_set_side_by_side(afgen: Afgen, tmp_path: Path) -> None:
    write_listeners(tmp_path / "real", 1)
    write_listeners(tmp_path / "simulated", 1, composed=True)
    command = ("bench", "listeners", tmp_path / "real", tmp_path / "simulated")
    outcome = afgen(*command, "--picture", tmp_path / "both.png")
    assert outcome.code == 0, outcome.err
    assert "nods a minute" in outcome.out
    assert (tmp_path / "both.png").exists()
