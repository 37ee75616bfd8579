"""Jobs that this process holds: their leases kept in force, and let go of when they should be.

A thread looks after all of them, on database connections of its own, while others render. What it
learns is settled in the row at once: a cancel is confirmed and a hand-over written before the
render has noticed. The render asks `Hold.check` at every frame, and stops.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event

from afgen.errors import (
    CancelRequestedError,
    DatabaseUnavailableError,
    HandedOverError,
    LeaseError,
    LeaseLostError,
)
from afgen.jobs.states import Phase
from afgen.jobs.store.leases import Leases, lease_of
from afgen.jobs.tables import Job
from afgen.render.progress import Progress
from workers.repeating import repeating

log = logging.getLogger(__name__)
Monotonic = Callable[[], float]
Place = tuple[Phase | None, int, int | None]  # what is done, frames drawn, frames in all


class Hold:
    """A job that was claimed, and whether it is still ours."""

    def __init__(self, job: Job, leases: Leases, lease_s: float, monotonic: Monotonic) -> None:
        self.job = job
        self.lease = lease_of(job)
        self.away = Event()  # set: hand it over
        self._leases = leases
        self._lease_s = lease_s
        self._monotonic = monotonic
        self._renewed_s = monotonic()
        self._ended: LeaseError | None = None
        self._at: Place = (None, 0, None)
        self._written: Place = self._at

    @property
    def handed_over(self) -> bool:
        """Whether another worker is to go on with the job."""
        return isinstance(self._ended, HandedOverError)

    def check(self) -> None:
        """Raise the LeaseError that ended the work, if it is to end."""
        if self._ended is None and self._monotonic() > self._renewed_s + self._lease_s:
            self._ended = LeaseLostError(f"The lease of {self.job.id} ran out.")
        if self._ended is not None:
            raise self._ended

    def enter(self, phase: Phase) -> None:
        """Note what comes next, to be written soon. Raises LeaseError to stop the work."""
        self.check()
        self._at = (phase, *self._at[1:])

    def listen(self, progress: Progress) -> None:
        """Note how far the render is, to be written soon. Raises LeaseError to stop the work."""
        self.check()
        if progress.stage == "Rendering":
            self._at = (Phase.RENDERING, progress.done, progress.total)

    def look(self, heartbeat_s: float) -> None:
        """Keep the lease in force, write what is new, and learn whether to go on."""
        if self._ended is not None:
            return
        now_s = self._monotonic()
        try:
            if self.away.is_set():
                self._leases.hand_over(self.lease)
                self._ended = HandedOverError(f"{self.job.id} was handed over.")
            elif now_s >= self._renewed_s + heartbeat_s:
                self._leases.heartbeat(self.lease)
                self._renewed_s = now_s  # from before the write: the lease lasts longer than that
            else:
                self._write_news()
        except CancelRequestedError as error:
            self._leases.canceled(self.lease)
            self._ended = error
        except LeaseLostError as error:
            self._ended = error
        except DatabaseUnavailableError as error:
            log.warning("%s: %s", self.job.id, error)  # until the lease runs out

    def _write_news(self) -> None:
        at, written = self._at, self._written
        phase, done, total = at
        if at == written:
            self._leases.check(self.lease)
        if phase is not None and phase != written[0]:
            self._leases.enter(self.lease, phase)
        if (done, total) != written[1:]:
            self._leases.progress(self.lease, done, total)
        self._written = at


class Holds:
    """All jobs that this process holds."""

    def __init__(
        self,
        leases: Leases,
        *,
        lease_s: float,
        heartbeat_s: float,
        poll_s: float,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        self._leases = leases
        self._lease_s = lease_s
        self._heartbeat_s = heartbeat_s
        self._poll_s = poll_s
        self._monotonic = monotonic
        self.leaving = Event()  # set: this process ends, all is handed over

    @contextmanager
    def keeping(self, jobs: Sequence[Job]) -> Iterator[list[Hold]]:
        """The jobs just claimed, looked after until the block ends."""
        holds = [Hold(job, self._leases, self._lease_s, self._monotonic) for job in jobs]

        def look() -> None:
            for hold in holds:
                if self.leaving.is_set():
                    hold.away.set()
                hold.look(self._heartbeat_s)

        with repeating(look, self._poll_s, "looking after leases"):
            yield holds
