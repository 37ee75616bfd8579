"""Looking into files in a process of its own."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from afgen.demo.material import ASSETS
from afgen.demo.painting import paint
from afgen.errors import MediaTimeoutError, NoFaceError, NotMediaError
from afgen.jobs.facts import AssetKind
from afgen.jobs.preflight import Examiner
from afgen.media.audio import write_wav
from afgen.media.images import save_png
from tests.service.servers import wait_until

pytestmark = pytest.mark.slow  # the process takes seconds to start


@pytest.fixture(scope="module")
def examiner() -> Iterator[Examiner]:
    made = Examiner(children=1)
    yield made
    made.close()


def test_a_portrait_is_looked_at_as_a_render_would(examiner: Examiner, tmp_path: Path) -> None:
    save_png(paint(256), tmp_path / "me.png")
    facts = examiner.examine(AssetKind.PORTRAIT, tmp_path / "me.png")
    assert (facts.width, facts.height) == (256, 256)
    assert facts.face is not None
    assert 64 < facts.face.width < 256
    save_png(np.full((128, 128, 3), 90, np.uint8), tmp_path / "wall.png")
    with pytest.raises(NoFaceError) as refusal:
        examiner.examine(AssetKind.PORTRAIT, tmp_path / "wall.png")
    assert refusal.value.advice == NoFaceError.hint


def test_a_recording_is_measured(examiner: Examiner, tmp_path: Path) -> None:
    video = examiner.examine(AssetKind.RECORDING, ASSETS / "user.mp4")
    assert video.container == "mov"
    assert video.video is not None
    assert video.audio is not None and video.audio.audible
    write_wav(tmp_path / "silence.wav", np.zeros(16_000, np.float32))
    silence = examiner.examine(AssetKind.RECORDING, tmp_path / "silence.wav")
    assert silence.duration_s == 1.0
    assert silence.video is None
    assert silence.audio is not None and not silence.audio.audible
    (tmp_path / "text.mp4").write_text("no recording")
    with pytest.raises(NotMediaError):
        examiner.examine(AssetKind.RECORDING, tmp_path / "text.mp4")


def test_a_file_that_takes_too_long_costs_only_that() -> None:
    patient, hasty = Examiner(children=1), Examiner(children=1, patience_s=0)
    with pytest.raises(MediaTimeoutError):
        hasty.examine(AssetKind.RECORDING, ASSETS / "avatar.wav")
    facts = patient.examine(AssetKind.RECORDING, ASSETS / "avatar.wav")
    (child,) = patient.pids
    os.kill(child, signal.SIGKILL)
    wait_until(lambda: patient.pids == (), "the process has ended")
    assert patient.examine(AssetKind.RECORDING, ASSETS / "avatar.wav") == facts
    assert patient.pids != (child,)
    for examiner in (patient, hasty):
        examiner.close()
        assert examiner.pids == ()
