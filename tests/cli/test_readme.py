"""The section of the README about the service, run as it stands."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from afgen.media.probe import probe
from tests.cli.conftest import Inputs
from tests.media.samples import X264, ffmpeg
from tests.service.servers import ROOT, Spawned, wait_until

pytestmark = pytest.mark.slow

UP = [sys.executable, "-m", "afgen.cli", "up", "--port", "0"]
# Ctrl-C is ignored, and stays so in all that is begun, where tests run in the background.
IN_FRONT = [
    sys.executable, "-c",
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execv(sys.argv[1], sys.argv[1:])",
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, inputs: Inputs) -> Path:
    """A folder with what the lines name: a virtual environment, a portrait and a call."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / ".venv").symlink_to(Path(sys.prefix))
    ffmpeg("-i", inputs.portrait, folder / "me.jpg")
    still = ("-loop", "1", "-i", inputs.portrait, "-i", inputs.voice)
    ffmpeg(*still, "-shortest", "-s", "256x256", *X264, "-c:a", "aac", folder / "call.mp4")
    return folder


@pytest.fixture(scope="module")
def environment(place: Path) -> Mapping[str, str]:
    """All that the service writes lies in the folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AFGEN_")}
    own = {"AFGEN_DATA": str(place / "data"), "AFGEN_PROFILE": str(place / "profile.json")}
    return {**kept, **own, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def up(place: Path, environment: Mapping[str, str]) -> Iterator[Spawned]:
    """A service that runs, on a free port."""
    spawned = Spawned("up", [*IN_FRONT, *UP], place / "up.log", environment)
    try:
        wait_until(lambda: "afgen is up" in spawned.said or not spawned.running, "it is up")
        assert spawned.running, spawned.said
        yield spawned
    finally:
        spawned.stop()


def lines_of_readme() -> str:
    """The block of lines for bash."""
    text = (ROOT / "README.md").read_text("utf-8")
    section = text.split("## Run it as a service")[1].split("\n## ")[0]
    (lines,) = re.findall(r"```bash\n(.*?)```", section, re.DOTALL)
    return str(lines)


def test_the_lines_end_in_a_video(up: Spawned, place: Path, environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", lines_of_readme()],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout, done.stderr, up.said)
    told = re.findall(r"^event: (job\.\w+)$", done.stdout, re.MULTILINE)
    assert told[0] == "job.queued"
    assert told[-1] == "job.succeeded"
    made = probe(place / "out.mp4")
    assert made.frames == 30
    assert made.require_video().width == 512


def test_a_second_one_on_the_same_data_is_refused(
    up: Spawned, environment: Mapping[str, str]
) -> None:
    second = subprocess.run(
        UP, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert second.returncode == 3
    assert "error (already_running)" in second.stderr
    assert f"process {up.pid}" in second.stderr
    assert up.running


def test_ctrl_c_stops_everything_and_the_next_start_keeps_the_key(
    up: Spawned, place: Path, environment: Mapping[str, str]
) -> None:
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(up.pid)], capture_output=True, text=True, check=True
    ).stdout.split()
    assert len(children) == 4
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(60) == 130
    assert "Nothing is lost" in up.said
    assert not any(Path("/proc", pid).exists() for pid in children)
    again = Spawned("up", UP, place / "again.log", environment)
    try:
        wait_until(lambda: "afgen is up" in again.said, "it is up again")
        assert "API key" not in again.said
    finally:
        again.stop()
