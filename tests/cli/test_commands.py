"""Every command, as typed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import typer.main
from PIL import Image as PillowImage

from afgen.cli import app
from afgen.media.audio import write_wav
from afgen.media.probe import probe
from tests.cli.conftest import Afgen, Inputs
from tests.media.samples import X264, ffmpeg
from tests.render.untrained import voice

QUICK = ("--size", "128", "--nfe", "3")


def names(command: object, prefix: str = "") -> Iterator[str]:
    """Every command, those of groups with the group's name."""
    for name, one in getattr(command, "commands", {}).items():
        if getattr(one, "commands", None):
            yield from names(one, f"{prefix}{name} ")
        else:
            yield prefix + name


COMMANDS = sorted(names(typer.main.get_command(app)))


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(command: str, afgen: Afgen) -> None:
    outcome = afgen(*command.split(), "--help")
    assert outcome.code == 0
    assert "Example" in outcome.out
    assert f"afgen {command}" in outcome.out


def test_the_version_is_that_of_the_package(afgen: Afgen) -> None:
    outcome = afgen("--version")
    assert (outcome.code, outcome.out) == (0, f"afgen {version('afgen')}\n")


def test_presets_are_listed_with_what_is_missing(
    afgen: Afgen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFGEN_WEIGHTS", str(tmp_path))
    told = afgen("presets")
    assert "portrait" in told.out
    assert "afgen weights import avatar-forcing" in told.err
    rows = {row["name"]: row for row in json.loads(afgen("presets", "--json").out)}
    assert rows["portrait"]["installed"] and not rows["avatar-forcing"]["installed"]


def test_the_doctor_asks_for_no_optional_weights(
    afgen: Afgen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFGEN_WEIGHTS", str(tmp_path))
    checks = {check["name"]: check for check in json.loads(afgen("doctor", "--json").out)}
    assert checks["weights of avatar-forcing"]["ok"]
    assert checks["weights of portrait"]["detail"].startswith("generator ")


def test_render_json_is_all_there_is_on_standard_output(
    afgen: Afgen, inputs: Inputs, place: Path
) -> None:
    outcome = afgen("render", *inputs.good, "-o", place / "out.mp4", "--json", *QUICK)
    assert outcome.code == 0, outcome.err
    report = json.loads(outcome.out)
    assert report == json.loads((place / "out.json").read_text())
    assert "\x1b" not in outcome.err
    assert sorted(path.name for path in place.iterdir()) == ["out.json", "out.mp4"]


def test_from_repeats_bit_for_bit_wherever_one_stands(
    afgen: Afgen, inputs: Inputs, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(inputs.portrait.parent)
    relative = (inputs.portrait.name, "--avatar-audio", inputs.voice.name)
    assert afgen("render", *relative, "-o", place / "a.mp4", "--seed", "7", *QUICK).code == 0
    monkeypatch.chdir(place)
    again = afgen("render", "--from", "a.json", "-o", "b.mp4")
    assert again.code == 0, again.err
    assert (place / "a.mp4").read_bytes() == (place / "b.mp4").read_bytes()


def test_from_says_which_input_has_changed(
    afgen: Afgen, inputs: Inputs, place: Path, tmp_path: Path
) -> None:
    speech = tmp_path / "speech.wav"
    speech.write_bytes(inputs.voice.read_bytes())
    made = afgen("render", inputs.portrait, "--avatar-audio", speech, "-o", place / "a.mp4", *QUICK)
    assert made.code == 0, made.err
    write_wav(speech, voice(1.2, 150.0))
    outcome = afgen("render", "--from", place / "a.json", "-o", place / "b.mp4")
    assert outcome.code == 2
    assert "avatar_audio" in outcome.err
    assert not (place / "b.mp4").exists()


def test_work_of_other_settings_is_not_resumed(afgen: Afgen, inputs: Inputs, place: Path) -> None:
    parts = place / ".out.mp4.parts"
    parts.mkdir()
    (parts / "key").write_text("of another render")
    outcome = afgen("render", *inputs.good, "-o", place / "out.mp4", "--resume")
    assert outcome.code == 2
    assert "other inputs, settings" in outcome.err
    assert (parts / "key").read_text() == "of another render"


def test_inspect_draws_and_tells(afgen: Afgen, inputs: Inputs, place: Path) -> None:
    sides = ("--avatar-audio", inputs.voice, "--user-audio", inputs.reply)
    outcome = afgen("inspect", *sides, "-o", place / "timeline.png", "--json")
    assert outcome.code == 0, outcome.err
    assert {one["role"] for one in json.loads(outcome.out)["people"]} == {"avatar", "user"}
    with PillowImage.open(place / "timeline.png") as picture:
        assert picture.format == "PNG"
    spoken = afgen("inspect", *sides, "-o", place / "timeline.png")
    assert "Who is the avatar?" in " ".join(spoken.out.split())


def film(still: Path, clip: Path, *options: str) -> Path:
    """A video of a photograph."""
    ffmpeg("-loop", "1", "-i", still, *options, "-s", "256x256", *X264, clip)
    return clip


def test_drive_takes_a_short_clip(
    afgen: Afgen, inputs: Inputs, place: Path, tmp_path: Path
) -> None:
    clip = film(inputs.portrait, tmp_path / "clip.mp4", "-t", "0.4", "-r", "120")
    outcome = afgen("drive", inputs.portrait, clip, "-o", place / "out.mp4", "--size", "128")
    assert outcome.code == 0, outcome.err
    assert probe(place / "out.mp4").frames == 10


def test_a_single_picture_and_a_wrong_ending_are_enough(
    afgen: Afgen, inputs: Inputs, place: Path, tmp_path: Path
) -> None:
    """Odd, and usable: what a file is, its bytes say, and a short side is held till the end."""
    user = film(inputs.portrait, tmp_path / "user.mp4", "-frames:v", "1")
    speech = tmp_path / "speech.mp4"
    speech.write_bytes(inputs.voice.read_bytes())
    sides = ("--user-video", user, "--avatar-audio", speech, "--layout", "side-by-side")
    outcome = afgen("render", inputs.portrait, *sides, "-o", place / "out.mp4", *QUICK)
    assert outcome.code == 0, outcome.err
    made = probe(place / "out.mp4")
    assert made.frames == 30
    assert made.require_video().width == 256


@pytest.mark.parametrize("program", ["/bin/false", "/nowhere/ffmpeg"])
def test_the_doctor_says_how_to_mend_ffmpeg(
    program: str, afgen: Afgen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFGEN_FFMPEG", program)
    outcome = afgen("doctor", "--json")
    assert outcome.code == 3
    checks = {check["name"]: check for check in json.loads(outcome.out)}
    assert not checks["ffmpeg"]["ok"]
    assert "AFGEN_FFMPEG" in checks["ffmpeg"]["mend"]
    assert checks["torch"]["ok"]


# Processes that are killed. The generator's weights are not needed to test what a kill leaves.

PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in background
from afgen.render import take
from tests.render.untrained import untrained_models
take.load_models = lambda name, device: untrained_models()
from afgen.cli import main
sys.argv[0] = "afgen"
main()
"""


def begin(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "render", *map(str, arguments), *QUICK],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "."},
    )


def wait_for_segment(process: subprocess.Popen[str], place: Path) -> None:
    """Until a first piece of the video is finished."""
    while not (place / ".out.mp4.parts" / "000000.mp4").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


@pytest.fixture(scope="module")
def long_voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Long enough for a whole segment of 10 s and a good deal after it."""
    path = tmp_path_factory.mktemp("long") / "voice.wav"
    write_wav(path, voice(24.0, 210.0))
    return path


@pytest.fixture(scope="module")
def uninterrupted(
    inputs: Inputs, long_voice: Path, tmp_path_factory: pytest.TempPathFactory
) -> bytes:
    output = tmp_path_factory.mktemp("whole") / "out.mp4"
    process = begin(inputs.portrait, "--avatar-audio", long_voice, "-o", output)
    _, told = process.communicate()
    assert process.returncode == 0, told
    return output.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
def test_resume_after_a_kill_gives_the_same_bytes(
    kill: signal.Signals, inputs: Inputs, long_voice: Path, uninterrupted: bytes, place: Path
) -> None:
    arguments = (inputs.portrait, "--avatar-audio", long_voice, "-o", place / "out.mp4")
    process = begin(*arguments)
    wait_for_segment(process, place)
    process.send_signal(kill)
    out, told = process.communicate()
    assert out == ""
    assert [path.name for path in place.iterdir()] == [".out.mp4.parts"]
    if kill == signal.SIGINT:
        assert process.returncode == 130
        assert told.splitlines()[-1].startswith("stopped ")
        assert "--resume" in told
        assert "Traceback" not in told
    again = begin(*arguments, "--resume")
    _, told = again.communicate()
    assert again.returncode == 0, told
    assert (place / "out.mp4").read_bytes() == uninterrupted
    assert sorted(path.name for path in place.iterdir()) == ["out.json", "out.mp4"]
