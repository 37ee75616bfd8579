"""How far a long job is: bars for people who watch, a few plain lines for logs."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from afgen.clock import FRAME_RATE_HZ
from afgen.render.progress import Listener, Progress

LINES_A_STAGE = 4


@contextmanager
def bars(console: Console) -> Iterator[Listener]:
    """A bar for every stage, with its speed and the time left."""
    columns = (
        TextColumn("{task.description:<14}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[speed]:>18}"),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console) as shown:
        tasks: dict[str, TaskID] = {}

        def show(progress: Progress) -> None:
            if progress.stage not in tasks:
                tasks[progress.stage] = shown.add_task(
                    progress.stage, total=None, completed=progress.done, speed=""
                )
            task = shown.tasks[tasks[progress.stage]]
            rate = task.finished_speed or task.speed
            shown.update(
                task.id,
                completed=progress.done,
                total=progress.total,
                speed=_speed(rate, progress.unit) if rate else "",
            )

        yield show


@contextmanager
def lines(say: Callable[..., None]) -> Iterator[Listener]:
    """A line at every quarter of a stage; what a stage begins with was made by an earlier run."""
    began: dict[str, tuple[float, int]] = {}
    told: dict[str, int] = {}

    def show(progress: Progress) -> None:
        now_s = time.monotonic()
        quarter = LINES_A_STAGE * progress.done // progress.total if progress.total else 0
        if progress.stage not in began:
            began[progress.stage], told[progress.stage] = (now_s, progress.done), quarter
        began_s, earlier = began[progress.stage]
        if progress.total and quarter > told[progress.stage]:
            told[progress.stage] = quarter
            rate_hz = (progress.done - earlier) / max(now_s - began_s, 1e-3)
            say(
                "{} {} of {}, {}, {} s left",
                progress.stage,
                _amount(progress.done, progress.unit),
                _amount(progress.total, progress.unit),
                _speed(rate_hz, progress.unit),
                round((progress.total - progress.done) / rate_hz),
            )

    yield show


def _amount(done: int, unit: str) -> str | int:
    return f"{done / 1e6:.1f} MB" if unit == "bytes" else done


def _speed(rate_hz: float, unit: str) -> str:
    if unit == "bytes":
        return f"{rate_hz / 1e6:.1f} MB/s"
    if unit == "frames":
        return f"{rate_hz / FRAME_RATE_HZ:.1f} x real time"
    return f"{rate_hz:.2f} {unit}/s"
