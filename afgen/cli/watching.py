"""A job as it goes: one live line on a terminal, else a line for each thing that happens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from afgen.cli.terminal import console, say

if TYPE_CHECKING:
    from afgen.client.values import Job

    Show = Callable[[Job], None]

QUARTERS = 4
COLOURS = {
    "queued": "yellow",
    "running": "cyan",
    "canceling": "yellow",
    "succeeded": "bold green",
    "failed": "bold red",
    "canceled": "yellow",
    "expired": "dim",
}


@contextmanager
def watching() -> Iterator["Show"]:
    """What to show a job to whenever something happens to it."""
    with live(console) if console.is_terminal else lines(say) as show:
        yield show


@contextmanager
def live(screen: Console) -> Iterator["Show"]:
    """One line that changes: what it does, how much is done, how long it took and will take."""
    columns = (
        SpinnerColumn(finished_text=" "),
        TextColumn("{task.description:<28}"),
        BarColumn(),
        TextColumn("{task.fields[share]:>4}"),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[left]}[/]"),
    )
    with Bars(*columns, console=screen) as shown:
        task = shown.add_task("", total=None, share="", left="")

        def show(job: "Job") -> None:
            done, total = job.progress.done, job.progress.total
            if job.state == "succeeded":
                done = total = total or 1
            shown.update(
                task,
                description=described(job),
                completed=done,
                total=total if job.state != "queued" else None,
                share=f"{done / total:.0%}" if total else "",
                left=f"{clock(job.progress.eta_s)} left" if job.progress.eta_s else "",
            )
            if job.ended:
                shown.stop_task(task)

        yield show


@contextmanager
def lines(tell: Callable[..., None]) -> Iterator["Show"]:
    """A line for every change, and one at each quarter of the frames."""
    told: list[object] = []

    def show(job: "Job") -> None:
        done, total = job.progress.done, job.progress.total
        quarter = QUARTERS * done // total if total and job.state == "running" else 0
        news = (job.state, job.phase, job.attempts, quarter)
        if news not in told[-1:]:
            told.append(news)
            share = f", {done} of {total} frames" if quarter else ""
            tell("{} {}{}", job.id, plain(job), share)

    yield show


def described(job: "Job") -> str:
    """State and phase in colour."""
    return f"[{COLOURS.get(job.state, 'white')}]{escape(plain(job))}[/]"


def plain(job: "Job") -> str:
    """State, phase, and what is out of the ordinary."""
    text = job.state
    if job.state == "running" and job.phase:
        text = job.phase
    if job.state == "queued" and job.queue_position:
        text += f", {job.queue_position} before it"
    if job.attempts > 1 and not job.ended:
        text += f" (attempt {job.attempts})"
    return text


def clock(seconds: float) -> str:
    """Minutes and seconds, with hours where there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
