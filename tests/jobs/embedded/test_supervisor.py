"""Programs that end, that do not start, that do not stop, and whose supervisor is killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from afgen.errors import SetupError
from afgen.jobs.embedded.supervisor import LONGEST_PAUSE_S, Program, Supervisor, pause_s
from tests.service.servers import wait_until

ROOT = Path(__file__).resolve().parents[3]
SLEEP = "import time; time.sleep(600)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); "


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., Program]:
    def made(name: str, code: str, **more: object) -> Program:
        command = (sys.executable, "-c", code)
        return Program(name, command, tmp_path / f"{name}.log", os.environ, **more)  # type: ignore[arg-type]

    return made


def supervised(*waves: Sequence[Program]) -> tuple[Supervisor, list[tuple[str, str]]]:
    told: list[tuple[str, str]] = []
    return Supervisor(waves, lambda *line: told.append(line)), told


def is_running(pid: int) -> bool:
    """Whether it lives; one whose parent has not asked for its end yet does not."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_a_wave_starts_when_the_one_before_is_ready(
    program: Callable[..., Program], tmp_path: Path
) -> None:
    made = tmp_path / "made"
    first = program("first", f"open({str(made)!r}, 'w'); {SLEEP}", ready=made.exists)
    second = program("second", f"import os; assert os.path.exists({str(made)!r}); {SLEEP}")
    supervisor, told = supervised([first], [second])
    with supervisor:
        pids = supervisor.pids
        assert sorted(pids) == ["first", "second"]
        assert all(map(is_running, pids.values()))
    assert not any(map(is_running, pids.values()))
    assert told == []


def test_what_ends_begins_anew_after_a_pause(program: Callable[..., Program]) -> None:
    supervisor, told = supervised([program("it", SLEEP)])
    with supervisor:
        before = supervisor.pids["it"]
        os.kill(before, signal.SIGKILL)
        watch = supervisor.watch()
        wait_until(lambda: next(watch) or ("it", "started again") in told, "it starts again")
        assert supervisor.pids["it"] != before
    assert told[0] == ("it", "ended (SIGKILL); starting again in 0.5 s")


def test_what_a_program_has_started_can_be_told_to_stop_with_it(
    program: Callable[..., Program], tmp_path: Path
) -> None:
    told = tmp_path / "told"
    inner = (
        "import os, signal, sys; r, w = os.pipe(); inner = os.fork() == 0\n"
        f"signal.signal(signal.SIGTERM, lambda *_: (open({str(told)!r}, 'w'), os._exit(0)))\n"
        "if inner: os.write(w, b'.'); signal.pause()\n"
        "else: os.read(r, 1); signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    )
    ready = tmp_path / "ready"
    code = f"{inner}open({str(ready)!r}, 'w'); os.wait()"
    supervisor, _ = supervised([program("it", code, ready=ready.exists, all_told=True)])
    with supervisor:
        pass
    assert told.exists()


def test_pauses_grow_to_a_limit() -> None:
    assert [pause_s(failures) for failures in (1, 2, 3)] == [0.5, 1.0, 2.0]
    assert pause_s(1000) == LONGEST_PAUSE_S


def test_one_that_cannot_start_stops_the_others_and_is_quoted(
    program: Callable[..., Program],
) -> None:
    good = program("good", SLEEP)
    bad = program("bad", "import sys; sys.exit('no such thing')", ready=lambda: False)
    supervisor, _ = supervised([good], [bad])
    with pytest.raises(SetupError, match=r"bad ended with 1: no such thing") as raised, supervisor:
        pass
    assert "bad.log" in raised.value.advice
    assert supervisor.pids == {}


def test_who_does_not_listen_is_killed(program: Callable[..., Program]) -> None:
    deaf = program("deaf", DEAF + SLEEP, stop_s=0.2)
    heard = deaf.log
    supervisor, told = supervised([deaf])
    with supervisor:
        wait_until(lambda: "deaf" in heard.read_text(), "it does not listen")
        pid = supervisor.pids["deaf"]
    assert not is_running(pid)
    assert told == [("deaf", "did not stop in 0 s: killed")]


def test_what_a_program_started_ends_with_it(
    program: Callable[..., Program], tmp_path: Path
) -> None:
    code = (
        f"import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', {SLEEP!r}]);"
        f"print(child.pid, flush=True); {SLEEP}"
    )
    parent = program("parent", code)
    supervisor, _ = supervised([parent])
    with supervisor:
        wait_until(lambda: parent.log.read_text().endswith("\n"), "it has a child")
        pid = int(parent.log.read_text())
        assert is_running(pid)
    wait_until(lambda: not is_running(pid), "the child is gone")


ORPHANS = f"""
import os, sys
from pathlib import Path
from afgen.jobs.embedded.supervisor import Program, Supervisor
program = Program("it", (sys.executable, "-c", {SLEEP!r}), Path(sys.argv[1]), os.environ)
with Supervisor([[program]], print) as supervisor:
    print(supervisor.pids["it"], flush=True)
    for _ in supervisor.watch():
        pass
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when a parent is gone")
def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ORPHANS, str(tmp_path / "log")],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    ) as supervisor:
        assert supervisor.stdout is not None
        pid = int(supervisor.stdout.readline())
        assert is_running(pid)
        supervisor.kill()
    wait_until(lambda: not is_running(pid), "the program is gone")
