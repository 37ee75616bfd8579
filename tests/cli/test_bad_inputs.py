"""Inputs that cannot be used, through the real command.

Each ends in a typed error with a code of its own, one line of what is wrong and one of what to do,
exit code 2 (3 for the installation), and leaves nothing where the result was to be.
"""

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from skimage import data

from afgen import presets
from afgen.media.audio import write_wav
from afgen.presets import faces
from tests.cli.conftest import Afgen, Inputs, Outcome
from tests.media.bad_inputs import BAD_PORTRAITS, BAD_RECORDINGS, BadInput
from tests.media.samples import X264, ffmpeg

pytestmark = pytest.mark.slow

NOBODY = 65534  # the user without rights; root may read and write everything
EVERYWHERE = 0o777


def assert_refused(outcome: Outcome, code: str, exit_code: int = 2) -> None:
    """One line of what is wrong, one of what to do, and nothing else."""
    assert outcome.code == exit_code, outcome.err
    assert outcome.out == ""
    told = [line for line in outcome.err.splitlines() if not line.startswith("Understanding")]
    assert len(told) == 2, outcome.err
    assert told[0].startswith(f"error ({code}): "), outcome.err
    assert told[1].startswith("       "), outcome.err
    assert len(told[1].strip()) > 5, outcome.err


def contents(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    """Assert that a block leaves a folder as it was, hidden files included."""
    before = contents(folder)
    yield
    assert contents(folder) == before


@contextmanager
def without_rights(*paths: Path) -> Iterator[None]:
    """As a user who may neither read nor write `paths`."""
    for path in paths:
        path.chmod(0)
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if was_root:
            os.seteuid(0)
        for path in paths:
            path.chmod(EVERYWHERE)


# Portraits


def picture(pixels: Callable[[], np.ndarray]) -> Callable[[Path], object]:
    return lambda path: PillowImage.fromarray(pixels()).save(path)


def far_away() -> np.ndarray:
    """A person in the distance: the face has some thirty pixels."""
    scene = np.full((512, 512, 3), 128, np.uint8)
    scene[200:340, 200:340] = PillowImage.fromarray(data.astronaut()).resize((140, 140))
    return scene


FACES = (
    BadInput("cat.png", "no_face", picture(data.chelsea)),
    BadInput("cup.png", "no_face", picture(data.coffee)),
    BadInput("back_of_a_head.png", "no_face", picture(lambda: data.astronaut()[:90, 150:300])),
    BadInput("twins.png", "several_faces", picture(lambda: np.hstack([data.astronaut()] * 2))),
    BadInput("far_away.png", "face_too_small", picture(far_away)),
    BadInput("document.jpg", "not_media", lambda path: path.write_bytes(b"%PDF-1.7\n" * 50)),
)


@pytest.mark.parametrize("bad", [*BAD_PORTRAITS, *FACES], ids=str)
def test_a_bad_portrait(
    bad: BadInput, afgen: Afgen, inputs: Inputs, place: Path, tmp_path: Path
) -> None:
    portrait = bad.make(tmp_path)
    with unchanged(place):
        outcome = afgen("render", portrait, *inputs.good[1:], "-o", place / "out.mp4")
    assert_refused(outcome, bad.code)


def test_a_face_seen_from_the_side(
    afgen: Afgen, inputs: Inputs, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = np.radians(60)
    turned_33 = np.array(
        [[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]]
    )
    profile = place.parent / "profile.png"
    PillowImage.fromarray(data.astronaut()[:, ::-1]).save(profile)
    seen = faces.landmarks_of_portrait

    def from_the_side(image_HWC: np.ndarray) -> list:
        (face,) = seen(image_HWC)
        centre_3 = face.landmarks_N3.mean(axis=0)
        turned_N3 = (face.landmarks_N3 - centre_3) @ turned_33.T + centre_3
        return [replace(face, landmarks_N3=turned_N3.astype(np.float32))]

    monkeypatch.setattr(faces, "landmarks_of_portrait", from_the_side)
    with unchanged(place):
        outcome = afgen("render", profile, *inputs.good[1:], "-o", place / "out.mp4")
    assert_refused(outcome, "face_turned_away")


# Recordings


def scene(*options: str, source: str = "color=gray:s=320x240:r=25:d=1") -> Callable[[Path], object]:
    """A video in which nobody can be seen."""
    return lambda path: ffmpeg("-f", "lavfi", "-i", source, *options, path)


SILENCE = ("-f", "lavfi", "-i", "anullsrc=d=1", "-c:a", "aac")
HISS = ("-f", "lavfi", "-i", "anoisesrc=d=1:a=0.2", "-c:a", "aac")
NOBODY_THERE = (
    BadInput("nobody_and_mute.mp4", "no_person", scene(*X264)),
    BadInput("nobody_and_silence.mp4", "audio_silent", scene(*SILENCE, *X264)),
    BadInput("nobody_and_a_hiss.mp4", "no_person", scene(*HISS, *X264)),
    BadInput("one_picture.mp4", "no_person", scene("-frames:v", "1", *X264)),
    BadInput("120_pictures_a_second.mp4", "no_person",
             scene(*X264, source="color=gray:s=320x240:r=120:d=1")),
    BadInput("hiss.mp3", "no_person", scene(source="anoisesrc=d=1:a=0.2")),
    BadInput("silence_named.mp4", "audio_silent", lambda path: write_wav(path, np.zeros(16_000))),
)  # fmt: skip
SLOW_TO_MAKE = {"8k.mp4", "years.mkv", "cut_off.mkv", "cut_off.mp4", "cut_off_before_index.mp4"}


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(bad, marks=pytest.mark.slow if bad.name in SLOW_TO_MAKE else (), id=str(bad))
        for bad in (*BAD_RECORDINGS, *NOBODY_THERE)
    ],
)
def test_a_bad_recording(
    bad: BadInput, afgen: Afgen, inputs: Inputs, place: Path, tmp_path: Path
) -> None:
    recording = bad.make(tmp_path)
    with unchanged(place):
        outcome = afgen("render", inputs.portrait, recording, "-o", place / "out.mp4")
    assert_refused(outcome, bad.code)


def test_one_side_that_cannot_be_heard(afgen: Afgen, inputs: Inputs, place: Path) -> None:
    mute = place.parent / "mute.mp4"
    scene(*X264)(mute)
    with unchanged(place):
        outcome = afgen("render", inputs.portrait, "--avatar-audio", mute, "-o", place / "out.mp4")
    assert_refused(outcome, "no_audio")


def test_a_user_who_cannot_be_seen(afgen: Afgen, inputs: Inputs, place: Path) -> None:
    with unchanged(place):
        outcome = afgen(
            "render", inputs.portrait, "--user-video", inputs.reply, "-o", place / "out.mp4"
        )
    assert_refused(outcome, "no_person")


@pytest.mark.parametrize("which", ["portrait", "voice"])
def test_an_input_that_may_not_be_read(which: str, afgen: Afgen, inputs: Inputs) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(EVERYWHERE)
        closed = folder / "closed.bin"
        closed.write_bytes(getattr(inputs, which).read_bytes())
        given = replace(inputs, **{which: closed})
        with without_rights(closed):
            outcome = afgen("render", *given.good, "-o", folder / "out.mp4")
        assert_refused(outcome, "file_unreadable")
        assert list(folder.iterdir()) == [closed]


def test_a_portrait_and_a_recording_that_changed_places(
    afgen: Afgen, inputs: Inputs, place: Path
) -> None:
    with unchanged(place):
        outcome = afgen("render", inputs.voice, inputs.portrait, "-o", place / "out.mp4")
    assert_refused(outcome, "not_media")


# Outputs


@dataclass(frozen=True)
class BadOutput:
    """A place where no result can be put, made in a folder."""

    name: str
    code: str
    prepare: Callable[[Path], object] = lambda path: None

    def __str__(self) -> str:
        return self.name


BAD_OUTPUTS = (
    BadOutput("missing/out.mp4", "output_unwritable"),
    BadOutput("folder.mp4", "output_unwritable", Path.mkdir),
    BadOutput("out.avi", "option"),
    BadOutput("out", "option"),
    BadOutput("exists.mp4", "output_unwritable", lambda path: path.write_bytes(b"precious")),
    BadOutput("report.mp4", "output_unwritable",
              lambda path: path.with_suffix(".json").write_text("precious")),
    BadOutput("file/out.mp4", "output_unwritable", lambda path: path.parent.write_text("a file")),
    BadOutput(f"{'long' * 100}.mp4", "output_unwritable"),
    BadOutput("/proc/out.mp4", "output_unwritable"),
)  # fmt: skip


@pytest.mark.parametrize("bad", BAD_OUTPUTS, ids=lambda bad: bad.name[:20])
def test_a_bad_output(bad: BadOutput, afgen: Afgen, inputs: Inputs, place: Path) -> None:
    output = place / bad.name
    bad.prepare(output)
    with unchanged(place):
        outcome = afgen("render", *inputs.good, "-o", output)
    assert_refused(outcome, bad.code)


def test_a_folder_that_may_not_be_written(afgen: Afgen, inputs: Inputs) -> None:
    with TemporaryDirectory() as name:
        closed = Path(name) / "closed"
        closed.mkdir()
        Path(name).chmod(EVERYWHERE)
        with without_rights(closed):
            outcome = afgen("render", *inputs.good, "-o", closed / "out.mp4")
        assert_refused(outcome, "output_unwritable")
        assert not list(closed.iterdir())


def test_a_part_that_nobody_plays(afgen: Afgen, inputs: Inputs, place: Path) -> None:
    portrait, _, avatar, _, user = inputs.good
    with unchanged(place):
        deaf = afgen(
            "render", portrait, "--user-audio", user, "--only", "talking", "-o", place / "out.mp4"
        )
        alone = afgen(
            "render", portrait, "--avatar-audio", avatar, "--only", "listening",
            "-o", place / "out.mp4",
        )  # fmt: skip
    assert_refused(deaf, "no_person")
    assert_refused(alone, "no_person")


def test_a_result_that_would_replace_its_input(afgen: Afgen, inputs: Inputs, place: Path) -> None:
    call = place / "call.mp4"
    call.write_bytes(inputs.voice.read_bytes())
    with unchanged(place):
        outcome = afgen("render", inputs.portrait, call, "-o", call, "--force")
    assert_refused(outcome, "option")


def test_a_disk_that_is_full(afgen: Afgen, inputs: Inputs, place: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with unchanged(place):
            outcome = afgen("render", *inputs.good, "-o", place / "out.mp4", *QUICK)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert_refused(outcome, "disk_full")


# Options

QUICK = ("--size", "128", "--nfe", "3")
BAD_OPTIONS = {
    "option": (
        "--start 2 --end 1",
        "--start 1 --end 1",
        "--start 0.01 --end 0.02",
        "--start -1",
        "--start inf",
        "--start 60",
        "--end nan",
        "--nfe 1",
        "--nfe many",
        "--size 7",
        "--size 129",
        "--size 4096",
        "--seed -1",
        "--seed 99999999999999999999",
        "--guidance-audio -1",
        "--guidance-user 1e9",
        "--head 3",
        "--expression -0.1",
        "--blink nan",
        "--preset none",
        "--preset avatar-forcing --head 0.5",
        "--device gpu",
        "--first-window 20",
        "--first-window 50",
        "--audio-mode whole",
        "--audio-mode none",
        "--anchor 1.1",
        "--only nobody",
        "--layout none",
        "--layout side-by-side",
        "--sound none_of_it",
        "--avatar me",
        "--colour red",
        "--from gone.json --seed 1",
        "--size",
    ),
    "no_person": ("--avatar second", "--avatar right"),
    "file_missing": ("--user-video gone.mp4", "--from gone.json"),
}


@pytest.mark.parametrize(
    ("code", "options"),
    [(code, options) for code, several in BAD_OPTIONS.items() for options in several],
)
def test_bad_options(code: str, options: str, afgen: Afgen, inputs: Inputs, place: Path) -> None:
    recording = () if "--from" in options else (inputs.portrait, inputs.voice)
    with unchanged(place):
        outcome = afgen("render", *recording, *options.split(), "-o", place / "out.mp4")
    assert_refused(outcome, code)


@pytest.mark.parametrize(
    "arguments", ["render", "render {portrait}", "inspect", "rendr", "--colour"]
)
def test_too_little_or_unknown(arguments: str, afgen: Afgen, inputs: Inputs) -> None:
    assert_refused(afgen(*arguments.format(portrait=inputs.portrait).split()), "option")


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("notes.json", "not a report", "option"),
        ("other.json", "{}", "option"),
        ("empty.json", "", "file_empty"),
        ("binary.json", "\0\1", "option"),
    ],
)
def test_something_that_is_no_report(
    name: str, text: str, code: str, afgen: Afgen, place: Path
) -> None:
    report = place.parent / name
    report.write_text(text)
    with unchanged(place):
        outcome = afgen("render", "--from", report, "-o", place / "out.mp4")
    assert_refused(outcome, code)


# The installation


def test_weights_that_are_not_there(
    afgen: Afgen, inputs: Inputs, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("afgen.render.take.load_models", presets.load_models)
    there = presets.PRESETS["portrait"]
    gone = replace(there, family=replace(there.family, weights="portrait/gone.safetensors"))
    monkeypatch.setitem(presets.PRESETS, "portrait", gone)
    with unchanged(place):
        outcome = afgen("render", *inputs.good, "-o", place / "out.mp4")
    assert_refused(outcome, "weights_missing", exit_code=3)


def test_weights_that_were_never_imported(
    afgen: Afgen, inputs: Inputs, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFGEN_WEIGHTS", str(place / "nowhere"))
    with unchanged(place):
        outcome = afgen(
            "render", *inputs.good, "-o", place / "out.mp4", "--preset", "avatar-forcing"
        )
    assert_refused(outcome, "weights_missing", exit_code=3)
    assert "afgen weights import avatar-forcing --autoencoder" in outcome.err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there(afgen: Afgen, inputs: Inputs, place: Path) -> None:
    with unchanged(place):
        outcome = afgen("render", *inputs.good, "-o", place / "out.mp4", "--device", "cuda")
    assert_refused(outcome, "option")


def test_an_ffmpeg_that_is_not_there(
    afgen: Afgen, inputs: Inputs, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFGEN_FFMPEG", "/nowhere/ffmpeg")
    with unchanged(place):
        outcome = afgen("render", *inputs.good, "-o", place / "out.mp4")
    assert_refused(outcome, "ffmpeg_missing", exit_code=3)


# Names that are awkward to print


def test_names_that_look_like_markup(afgen: Afgen, place: Path) -> None:
    outcome = afgen("render", place / "[/bold] me.png", place / "[red].mp4")
    assert_refused(outcome, "file_missing")
    assert "[/bold] me.png" in outcome.err


def test_names_that_are_no_text(afgen: Afgen, inputs: Inputs, place: Path) -> None:
    odd = place.parent / os.fsdecode(b"call\xff.wav")
    odd.write_bytes(inputs.voice.read_bytes())
    with unchanged(place):
        outcome = afgen("render", inputs.portrait, odd, "-o", place / "out.mp4")
    assert_refused(outcome, "option")


@pytest.mark.slow
def test_a_process_of_its_own_writes_nothing_else_to_the_terminal(tmp_path: Path) -> None:
    """Native libraries log past Python; a user must not see it."""
    portrait = tmp_path / "cat.png"
    picture(data.chelsea)(portrait)
    command = [sys.executable, "-m", "afgen.cli", "drive", portrait, tmp_path / "a.mp4"]
    scene(*X264)(tmp_path / "a.mp4")
    ran = subprocess.run(
        [*command, "-o", tmp_path / "out.mp4"], capture_output=True, text=True, check=False
    )
    assert_refused(Outcome(ran.returncode, ran.stdout, ran.stderr), "no_face")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "cat.png"]
