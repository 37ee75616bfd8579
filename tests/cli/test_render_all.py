"""A list of renders from the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from afgen.media.audio import write_wav
from afgen.media.probe import probe
from tests.cli.conftest import Afgen, Inputs
from tests.render.untrained import voice

pytestmark = pytest.mark.slow


@pytest.fixture
def calls(inputs: Inputs, tmp_path: Path) -> Path:
    """Three renders of which the second has no face in its portrait."""
    PillowImage.fromarray(np.full((256, 256, 3), 128, np.uint8)).save(tmp_path / "grey.png")
    for name, pitch_hz in (("a", 150.0), ("b", 180.0), ("c", 210.0)):
        write_wav(tmp_path / f"{name}.wav", voice(0.8, pitch_hz))
    path = tmp_path / "calls.csv"
    path.write_text(
        "name,portrait,avatar_audio,size,nfe\n"
        f"a,{inputs.portrait},a.wav,128,3\n"
        "b,grey.png,b.wav,128,3\n"
        f"c,{inputs.portrait},c.wav,128,4\n"
    )
    return path


def test_what_fails_is_listed_and_the_rest_is_made(afgen: Afgen, calls: Path, place: Path) -> None:
    outcome = afgen("render-all", calls, "-o", place / "videos", "--rows", "2")
    assert outcome.code == 2
    assert "no_face" in outcome.out
    assert "1 failed" in outcome.err and "2 done" in outcome.err
    results = json.loads((place / "videos" / "results.json").read_text())["items"]
    assert [(one["name"], one["status"]) for one in results] == [
        ("a", "done"),
        ("b", "failed"),
        ("c", "done"),
    ]
    assert results[1]["error"]["code"] == "no_face"
    for name in ("a", "c"):
        assert probe(place / "videos" / f"{name}.mp4").frames == 20
        assert (place / "videos" / f"{name}.json").is_file()


def test_the_same_call_again_does_what_is_left(
    afgen: Afgen, calls: Path, inputs: Inputs, place: Path
) -> None:
    assert afgen("render-all", calls, "-o", place, "--json").code == 2
    calls.with_name("grey.png").write_bytes(inputs.portrait.read_bytes())
    again = afgen("render-all", calls, "-o", place, "--json")
    assert again.code == 0, again.err
    statuses = {one["name"]: one["status"] for one in json.loads(again.out)["items"]}
    assert statuses == {"a": "skipped", "b": "done", "c": "skipped"}


def test_a_folder_with_one_portrait_for_all(
    afgen: Afgen, calls: Path, inputs: Inputs, place: Path
) -> None:
    """Recordings of one voice, which is the avatar's: nothing else is known of them."""
    outcome = afgen("render-all", calls.parent, "-o", place, "--json")
    assert outcome.code == 2
    assert "no portrait beside it" in outcome.err
    assert not list(place.iterdir())
    calls.with_name("b.wav").unlink()
    calls.with_name("c.wav").unlink()
    write_wav(calls.with_name("a.wav"), voice(0.4, 150.0))
    made = afgen("render-all", calls.parent, "-o", place, "--portrait", inputs.portrait)
    assert made.code == 0, made.err
    assert probe(place / "a.mp4").require_video().width == 512


def test_a_list_that_makes_no_sense_starts_nothing(afgen: Afgen, calls: Path, place: Path) -> None:
    calls.write_text(calls.read_text() + "d,,a.wav,128,3\n")
    outcome = afgen("render-all", calls, "-o", place / "videos")
    assert outcome.code == 2
    assert "error (manifest)" in outcome.err
    assert "row 4: portrait is missing" in outcome.err
    assert not (place / "videos").exists()
