"""What every command shares."""

import io
import sys

import pytest
import typer
from rich.console import Console

from afgen.cli import progress, terminal
from afgen.cli.terminal import INTERRUPTED, progress_bars, run, stoppable
from afgen.errors import NoFaceError
from afgen.render.progress import Progress


def ending_in(error: BaseException) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    def command() -> None:
        with stoppable("Go on with --resume."), progress_bars():
            raise error

    return app


@pytest.fixture(autouse=True)
def _no_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["afgen"])


def test_a_typed_error_is_two_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ending_in(NoFaceError("Nobody\nis there."))) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == "error (no_face): Nobody is there."
    assert second.strip() == NoFaceError.hint


def test_ctrl_c_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ending_in(KeyboardInterrupt())) == INTERRUPTED
    assert capsys.readouterr().err == "stopped Go on with --resume.\n"


def test_a_fault_of_ours_shows_where_it_happened(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ending_in(ZeroDivisionError("[/oops]"))) == 70
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert "error (internal): ZeroDivisionError: [/oops]" in told


def test_a_library_that_cannot_be_loaded_points_to_the_doctor(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(ending_in(ImportError("libGL.so.1: cannot open shared object file"))) == 3
    assert "afgen doctor" in capsys.readouterr().err


def test_without_the_service_extra_it_says_what_to_install(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = ModuleNotFoundError("No module named 'celery'", name="celery")
    assert run(ending_in(error)) == 3
    first, second = capsys.readouterr().err.splitlines()
    assert first == "error (setup): This command needs celery."
    assert "pip install 'afgen[service]'" in second


def test_logs_get_a_line_a_quarter_and_no_control_codes() -> None:
    told: list[tuple[str, ...]] = []
    with progress.lines(lambda *line: told.append(line)) as show:
        for done in range(401):
            show(Progress("Rendering", done, 400))
        show(Progress("Guessing", 3, None))
    assert [line[2] for line in told] == [100, 200, 300, 400]
    assert not any("\x1b" in str(part) for line in told for part in line)


def test_terminals_get_bars_with_speed_and_time_left() -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=120)
    with progress.bars(screen) as show:
        for done in range(0, 401, 100):
            show(Progress("Rendering", done, 400))
    assert isinstance(screen.file, io.StringIO)
    last = screen.file.getvalue()
    for part in ("Rendering", "100%", "x real time", "left"):
        assert part in last


def test_what_an_earlier_run_made_is_no_speed_of_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr("afgen.cli.progress.time.monotonic", lambda: float(next(clock)))
    told: list[tuple[object, ...]] = []
    with progress.lines(lambda *line: told.append(line)) as show:
        show(Progress("Rendering", 500, 1000))
        for done in range(525, 1001, 25):
            show(Progress("Rendering", done, 1000))
    assert [line[2] for line in told] == [750, 1000]
    assert told[0][-2:] == ("1.0 x real time", 10)


def test_clips_are_not_counted_as_real_time() -> None:
    told: list[str] = []
    with progress.lines(lambda markup, *parts: told.append(markup.format(*parts))) as show:
        show(Progress("Preparing", 0, 4, unit="clips"))
        show(Progress("Preparing", 2, 4, unit="clips"))
    assert told
    assert "clips/s" in told[0]


def test_console_is_standard_error() -> None:
    assert terminal.console.stderr
