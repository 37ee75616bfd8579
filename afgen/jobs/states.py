"""The states of a job, and the only moves between them.

    queued ──> running ──> succeeded ─┐
      │ ^         │  │                │
      │ └─────────┤  └──> failed ─────┤
      │           v          ^ retry  ├──> expired
      │       canceling      v        │
      └──────────────┴──> canceled ───┘

`running -> queued` is a lost worker, a hand-over, or a failure that may pass. `failed -> queued`
and `canceled -> queued` are retries asked for. `expired` is what is left of a job once retention
has removed its files.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class JobState(StrEnum):
    """Where a job is. The row in the database is the truth."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELING = "canceling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"


class Phase(StrEnum):
    """What a running job is busy with."""

    FETCHING = "fetching"
    UNDERSTANDING = "understanding"
    RENDERING = "rendering"
    PUBLISHING = "publishing"


class Priority(StrEnum):
    """Which of the two queues a job waits in. Interactive jobs never wait for a batch."""

    INTERACTIVE = "interactive"
    BATCH = "batch"


MOVES: Mapping[JobState, frozenset[JobState]] = MappingProxyType(
    {
        JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELED}),
        JobState.RUNNING: frozenset(
            {JobState.QUEUED, JobState.CANCELING, JobState.SUCCEEDED, JobState.FAILED}
        ),
        JobState.CANCELING: frozenset({JobState.CANCELED}),
        JobState.SUCCEEDED: frozenset({JobState.EXPIRED}),
        JobState.FAILED: frozenset({JobState.QUEUED, JobState.EXPIRED}),
        JobState.CANCELED: frozenset({JobState.QUEUED, JobState.EXPIRED}),
        JobState.EXPIRED: frozenset(),
    }
)

WAITING = frozenset({JobState.QUEUED})
LEASED = frozenset({JobState.RUNNING, JobState.CANCELING})  # a worker has, or had, hold of it
ACTIVE = WAITING | LEASED
FINISHED = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED})
ENDED = FINISHED | {JobState.EXPIRED}


def sources(target: JobState) -> frozenset[JobState]:
    """The states from which a job may move to `target`."""
    return frozenset(state for state, targets in MOVES.items() if target in targets)
