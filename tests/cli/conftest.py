"""The command line as a user meets it: arguments in, exit code and both streams out."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from afgen import presets
from afgen.cli import app, terminal
from afgen.media.audio import write_wav
from afgen.media.images import save_png
from afgen.presets import Models
from tests.render.untrained import untrained_models, voice


@dataclass(frozen=True)
class Outcome:
    """What a command leaves."""

    code: int
    out: str
    err: str


Afgen = Callable[..., Outcome]


def _untrained(name: str, device: str) -> Models:
    """In place of the embedded weights; those of other presets are what a test has imported."""
    preset = presets.preset_named(name)
    presets.device_for(preset, device)
    return untrained_models() if preset.embedded else presets.load_models(name, device)


@pytest.fixture
def afgen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """The command line in this process, on an untrained generator."""
    monkeypatch.setattr("afgen.render.take.load_models", _untrained)
    monkeypatch.setattr("afgen.render.many.load_models", _untrained)

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["afgen", *map(str, arguments)])
        capsys.readouterr()
        code = terminal.run(app)
        return Outcome(code, *capsys.readouterr())

    return run


@dataclass(frozen=True)
class Inputs:
    """Usable inputs, which a test spoils one at a time."""

    portrait: Path
    voice: Path
    reply: Path

    @property
    def good(self) -> Sequence[object]:
        """Arguments of a render that works."""
        return (self.portrait, "--avatar-audio", self.voice, "--user-audio", self.reply)


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    folder = tmp_path_factory.mktemp("inputs")
    made = Inputs(folder / "me.png", folder / "voice.wav", folder / "reply.wav")
    save_png(np.asarray(data.astronaut(), np.uint8), made.portrait)
    write_wav(made.voice, voice(1.2, 210.0))
    write_wav(made.reply, voice(1.2, 120.0))
    return made


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder for the result."""
    folder = tmp_path / "results"
    folder.mkdir()
    return folder
