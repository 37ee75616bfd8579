"""The paper's own models from the command line, with small rule-made weights in the public layout.

The pictures are noise; every stage between the files and the video is the real one.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from afgen.autoencoder.lia.folded import FoldedLia
from afgen.autoencoder.lia.network import Source
from afgen.media.arguments import EncodeSettings
from afgen.media.audio import write_wav
from afgen.media.decode import decode_video
from afgen.media.probe import probe
from afgen.render import kept, take
from afgen.weights.importing import Given, ImportOptions, import_set
from tests.cli.conftest import Afgen, Inputs
from tests.render.untrained import voice
from tests.rule_made import TINY, write_public_files

pytestmark = pytest.mark.slow
PRESET = ("--preset", "avatar-forcing", "--size", "128", "--nfe", "3", "--device", "cpu")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of weights with the set in it."""
    folder = tmp_path_factory.mktemp("weights")
    files = write_public_files(tmp_path_factory.mktemp("public"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AFGEN_WEIGHTS", str(folder))
        given = {
            part: Given(getattr(files, part)) for part in ("autoencoder", "generator", "wav2vec2")
        }
        import_set("avatar-forcing", given, options=ImportOptions(heads=TINY.heads))
    return folder


@pytest.fixture(autouse=True)
def _weights(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFGEN_WEIGHTS", str(store))


@pytest.fixture(autouse=True)
def _short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of a block, so that a few blocks can be stopped and gone on with."""
    short = EncodeSettings(segment_frames=10)
    monkeypatch.setattr(kept, "ENCODING", short)
    monkeypatch.setattr(take, "ENCODING", short)


@pytest.fixture
def cheap_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flat colours that show the motion, where drawing is not what is tested: it takes seconds."""

    def colours(self: FoldedLia, source: Source, motion_BD: Tensor) -> Tensor:
        return motion_BD[:, :3, None, None].tanh().expand(-1, -1, 64, 64)

    monkeypatch.setattr(FoldedLia, "decode", colours)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Just short of two blocks."""
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    write_wav(path, voice(0.72, 210.0))
    return path


def pictures(video: Path) -> np.ndarray:
    return np.stack(list(decode_video(video))).astype(int)


def test_a_render_names_its_weights_and_their_licence(
    afgen: Afgen, inputs: Inputs, speech: Path, place: Path, store: Path
) -> None:
    outcome = afgen(
        "render", inputs.portrait, "--avatar-audio", speech, "-o", place / "out.mp4", *PRESET
    )
    assert outcome.code == 0, outcome.err
    made = probe(place / "out.mp4")
    assert (made.frames, made.require_video().width) == (18, 128)
    assert np.ptp(pictures(place / "out.mp4")) > 50
    report = json.loads((place / "out.json").read_text())
    record = json.loads((store / "avatar-forcing" / "set.json").read_text())
    assert report["weights_sha256"] == record["sha256"]
    assert report["weights_sha256"].keys() == {"autoencoder", "generator", "wav2vec2"}
    assert report["weights_licence"] == "CC BY-NC 4.0"
    assert report["computed_on"]["device"] == "cpu"
    assert outcome.err.count(report["weights_notice"]) == 1
    assert "no commercial use" in " ".join(report["weights_notice"].split())


def test_a_resumed_render_has_the_bytes_of_an_uninterrupted_one(
    afgen: Afgen, inputs: Inputs, speech: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("render", inputs.portrait, "--avatar-audio", speech, *PRESET)
    whole = afgen(*arguments, "-o", place / "whole.mp4")
    assert whole.code == 0, whole.err
    write = take.VideoWriter.write

    def stopped(self: take.VideoWriter, image_HWC: np.ndarray) -> None:
        if self.frames == 15:
            raise KeyboardInterrupt
        write(self, image_HWC)

    with monkeypatch.context() as patch:
        patch.setattr(take.VideoWriter, "write", stopped)
        assert afgen(*arguments, "-o", place / "out.mp4").code == 130
    assert (place / ".out.mp4.parts" / "00000010.state").is_file()
    resumed = afgen(*arguments, "-o", place / "out.mp4", "--resume")
    assert resumed.code == 0, resumed.err
    assert (place / "out.mp4").read_bytes() == (place / "whole.mp4").read_bytes()


@pytest.mark.parametrize(
    "options",
    [
        ("--first-window", "50"),
        ("--audio-mode", "whole"),
        ("--anchor", "0.5"),
        ("--only", "talking"),
        ("--only", "listening"),
        ("--full-frame",),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("cheap_pictures")
def test_options_are_heard(
    options: tuple[str, ...], afgen: Afgen, inputs: Inputs, place: Path
) -> None:
    plain = ("render", *inputs.good, *PRESET, "--end", "0.8")
    assert afgen(*plain, "-o", place / "plain.mp4").code == 0
    outcome = afgen(*plain, *options, "-o", place / "out.mp4")
    assert outcome.code == 0, outcome.err
    assert probe(place / "out.mp4").frames == 20
    assert (place / "out.mp4").read_bytes() != (place / "plain.mp4").read_bytes()


@pytest.mark.usefixtures("cheap_pictures")
def test_a_face_in_a_video_is_encoded(afgen: Afgen, inputs: Inputs, place: Path) -> None:
    """Drive a portrait with a video of another render, then listen to it."""
    made = afgen(
        "render", inputs.portrait, "--avatar-audio", inputs.voice, "--size", "256", "--nfe", "3",
        "--end", "0.4", "-o", place / "user.mp4",
    )  # fmt: skip
    assert made.code == 0, made.err
    driven = afgen(
        "drive", inputs.portrait, place / "user.mp4", "-o", place / "driven.mp4",
        *PRESET[:4], "--device", "cpu",
    )  # fmt: skip
    assert driven.code == 0, driven.err
    heard = afgen(
        "render", inputs.portrait, "--user-video", place / "user.mp4", "-o", place / "out.mp4",
        *PRESET,
    )  # fmt: skip
    assert heard.code == 0, heard.err
    assert probe(place / "out.mp4").frames == probe(place / "driven.mp4").frames == 10


@pytest.mark.usefixtures("cheap_pictures")
def test_rows_give_what_they_give_alone(
    afgen: Afgen, inputs: Inputs, speech: Path, place: Path
) -> None:
    """A recording of three blocks beside one of two."""
    (place / "calls.csv").write_text(
        "name,portrait,avatar_audio,preset,size,nfe,device\n"
        f"long,{inputs.portrait},{inputs.voice},avatar-forcing,128,3,cpu\n"
        f"short,{inputs.portrait},{speech},avatar-forcing,128,3,cpu\n"
    )
    together = afgen("render-all", place / "calls.csv", "-o", place / "videos", "--rows", "2")
    assert together.code == 0, together.err
    for name, sound in (("long", inputs.voice), ("short", speech)):
        alone = afgen(
            "render", inputs.portrait, "--avatar-audio", sound, "-o", place / f"{name}.mp4", *PRESET
        )
        assert alone.code == 0, alone.err
        apart = np.abs(pictures(place / "videos" / f"{name}.mp4") - pictures(place / f"{name}.mp4"))
        assert apart.mean() < 0.1
