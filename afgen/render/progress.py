"""How far a stage is: the one thing every long job reports."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` frames (or another `unit`) of a stage. A total of None is unknown yet."""

    stage: str
    done: int
    total: int | None
    unit: str = "frames"


Listener = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """A listener that does nothing."""
