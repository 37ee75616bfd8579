"""What the service answers with, as far as the command line needs it; what it adds is ignored."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict

ENDED: Final = frozenset({"succeeded", "failed", "canceled", "expired"})


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Fault(_Answer):
    """Why something failed, with the codes of `afgen.errors`."""

    code: str
    message: str = ""
    hint: str | None = None
    retryable: bool = False


class Asset(_Answer):
    """An uploaded file."""

    id: str
    state: str
    filename: str
    bytes: int
    sha256: str | None = None
    error: Fault | None = None


class Piece(_Answer):
    """A request with a piece of a file as its body."""

    offset: int
    bytes: int
    method: str
    url: str
    headers: Mapping[str, str] = {}


class Upload(_Answer):
    """An upload under way: `requests` are for what is still missing, or the next of it."""

    id: str
    state: str
    bytes: int
    part_bytes: int
    received: Sequence[int] = ()
    requests: Sequence[Piece] = ()


class Progress(_Answer):
    """Frames made, of how many; None is unknown yet."""

    done: int = 0
    total: int | None = None
    eta_s: float | None = None


class Output(_Answer):
    """A file that a job has made."""

    bytes: int
    sha256: str


class Job(_Answer):
    """One render, as it is right now."""

    id: str
    state: str
    phase: str | None = None
    progress: Progress = Progress()
    queue_position: int | None = None
    attempts: int = 0
    error: Fault | None = None
    outputs: Mapping[str, Output] = {}
    batch_id: str | None = None
    item_key: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.state in ENDED


class Batch(_Answer):
    """Many jobs handed in together; `counts` says how many are in which state."""

    id: str
    name: str
    total: int
    counts: Mapping[str, int]
    created_at: datetime
    finished_at: datetime | None = None

    @property
    def ended(self) -> int:
        """How many of its jobs nothing more happens to by itself."""
        return sum(count for state, count in self.counts.items() if state in ENDED)


class Result(_Answer):
    """What became of one item of a batch."""

    key: str
    job_id: str
    state: str
    outputs: Mapping[str, Output] = {}
    error: Fault | None = None


class Schedule(_Answer):
    """A job that is made again and again."""

    id: str
    name: str
    cron: str
    timezone: str
    overlap: str
    misfire: str
    enabled: bool
    next_at: datetime | None = None
    last_at: datetime | None = None


class Run(_Answer):
    """What became of one due time of a schedule."""

    due_at: datetime
    outcome: str
    job_id: str | None = None
    error: Fault | None = None
