"""Programs that run together: started in waves, begun anew when they end, stopped in reverse.

A wave is what may start at the same time; a later wave stands on the earlier ones. Every program
has its own session, so that Ctrl-C reaches only the supervisor, which stops them in order.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from afgen.errors import SetupError
from afgen.jobs.embedded import leash

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
HEALTHY_S: Final = 60.0  # who ran this long is not blamed for what was before
READY_S: Final = 60.0
STOP_S: Final = 10.0
LOOK_S: Final = 0.1
LOG_BYTES: Final = 16 << 20  # a longer log is put aside when its program starts
_TOLD_LINES: Final = 8


def always() -> bool:
    """For a program that need not be waited for."""
    return True


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `ready` says whether others can rely on it; `given` is its standard input.

    `all_told` has what the program itself has started be told to stop, too; `kept_open` are files
    of ours that stay open in it, under the same numbers.
    """

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str]
    given: bytes = b""
    ready: Callable[[], bool] = always
    stop_s: float = STOP_S
    all_told: bool = False
    kept_open: Sequence[int] = ()


def pause_s(failures: int) -> float:
    """How long to wait before the next start, after so many ends in a row."""
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures - 1, 16))


@dataclass(slots=True)
class _Child:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    began_s: float = 0.0
    failures: int = 0
    due_s: float = 0.0


Tell = Callable[[str, str], None]  # name of a program, what became of it


class Supervisor:
    """A context in which programs run. `watch` looks after them until it is left.

    Raises SetupError on entering if one of them ends, or is not ready in time: then all are
    stopped, and the end of its log is in the message.
    """

    def __init__(
        self,
        waves: Sequence[Sequence[Program]],
        tell: Tell,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._waves = [[_Child(program) for program in wave] for wave in waves]
        self._tell = tell
        self._clock = clock

    def __enter__(self) -> Self:
        try:
            for wave in self._waves:
                for child in wave:
                    self._start(child)
                for child in wave:
                    self._await(child)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pids(self) -> dict[str, int]:
        """Process numbers of the programs that run, by name."""
        return {
            child.program.name: child.process.pid
            for child in self._children()
            if child.process is not None
        }

    def watch(self) -> Iterator[None]:
        """Look after the programs a few times a second, for as long as it is asked to go on."""
        while True:
            self.look()
            yield
            time.sleep(LOOK_S)

    def look(self) -> None:
        """Begin anew what has ended, when its pause is over."""
        for child in self._children():
            if child.process is not None and (code := child.process.poll()) is not None:
                self._ended(child, code)
            elif child.process is None and self._clock() >= child.due_s:
                self._start(child)
                self._tell(child.program.name, "started again")

    def stop(self) -> None:
        """Stop all, the last wave first; who does not listen in time is killed."""
        for wave in reversed(self._waves):
            running = [child for child in wave if child.process is not None]
            for child in running:
                _signal(child, signal.SIGTERM)
            try:
                self._await_end(running)
            finally:  # a second Ctrl-C has no patience
                for child in running:
                    _kill_group(child)

    def _children(self) -> Iterable[_Child]:
        return (child for wave in self._waves for child in wave)

    def _start(self, child: _Child) -> None:
        program = child.program
        child.began_s = self._clock()
        with _log_of(program) as log:
            child.process = subprocess.Popen(
                [sys.executable, "-I", leash.__file__, str(os.getpid()), *program.command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(program.environment),
                start_new_session=True,
                pass_fds=program.kept_open,
            )
        with suppress(BrokenPipeError), child.process.stdin or nullcontext() as pipe:
            if pipe is not None:
                pipe.write(program.given)

    def _await(self, child: _Child) -> None:
        """Until it is ready. Raises SetupError if that does not happen."""
        program, deadline_s = child.program, self._clock() + READY_S
        while not program.ready():
            code = child.process.poll() if child.process else None
            if code is not None:
                raise SetupError(
                    f"{program.name} ended with {code}: {_last_words(program.log)}",
                    hint=f"All it said is in {program.log}.",
                )
            if self._clock() > deadline_s:
                raise SetupError(
                    f"{program.name} was not ready within {READY_S:.0f} s.",
                    hint=f"What it said is in {program.log}.",
                )
            time.sleep(LOOK_S)

    def _await_end(self, children: Sequence[_Child]) -> None:
        for child in children:
            left_s = child.program.stop_s
            if child.process is not None:
                try:
                    child.process.wait(left_s)
                except subprocess.TimeoutExpired:
                    self._tell(child.program.name, f"did not stop in {left_s:.0f} s: killed")

    def _ended(self, child: _Child, code: int) -> None:
        _kill_group(child)
        lasted_s = self._clock() - child.began_s
        child.failures = 1 if lasted_s > HEALTHY_S else child.failures + 1
        wait_s = pause_s(child.failures)
        child.due_s = self._clock() + wait_s
        self._tell(child.program.name, f"ended ({_how(code)}); starting again in {wait_s:g} s")


def _log_of(program: Program) -> IO[bytes]:
    if program.log.exists() and program.log.stat().st_size > LOG_BYTES:
        program.log.replace(program.log.with_name(program.log.name + ".1"))
    return program.log.open("ab")


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return " | ".join(lines[-_TOLD_LINES:])


def _how(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _signal(child: _Child, number: signal.Signals) -> None:
    if child.process is not None and child.process.poll() is None:
        tell = os.killpg if child.program.all_told else os.kill
        tell(child.process.pid, number)


def _kill_group(child: _Child) -> None:
    """Whatever is left of a program and of what it started; the number is its own session's."""
    if child.process is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()
        child.process = None
