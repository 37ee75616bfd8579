"""Whatever is done in whatever order, states move along MOVES, and nothing is done twice."""

import random
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from afgen.errors import ConflictError, LeaseError, MediaError, MediaTimeoutError
from afgen.jobs.states import MOVES, JobState
from afgen.jobs.store import JobRules, Store
from afgen.jobs.store.leases import Lease, Leases
from afgen.jobs.tables import Job, Tenant
from tests.jobs.conftest import Clock
from tests.jobs.made import PLENTY, RESULT, queued

STEPS = 40


class Life:
    """A job, and everybody who might do something to it: two workers, its owner, the sweep."""

    def __init__(self, store: Store, tenant: Tenant) -> None:
        self.store = store
        self.tenant_id = tenant.id
        self.job_id = queued(store, tenant.id).id
        self.tokens = [0]  # all that were ever given, and one that never was
        short = Leases(store.database, JobRules(lease_s=-1, backoff_s=0))
        self.moves: list[Callable[[Lease], object]] = [
            lambda _: self.claim(store.leases),
            lambda _: self.claim(short),
            store.leases.heartbeat,
            lambda lease: store.leases.finish(lease, RESULT),
            lambda lease: store.leases.fail(lease, MediaError("no")),
            lambda lease: store.leases.fail(lease, MediaTimeoutError("slow")),
            store.leases.canceled,
            store.leases.hand_over,
            lambda _: store.leases.take_back(),
            lambda _: store.jobs.cancel(self.tenant_id, self.job_id),
            lambda _: store.jobs.retry(self.tenant_id, self.job_id, PLENTY),
        ]

    def claim(self, leases: Leases) -> None:
        if (job := leases.claim(self.job_id, "worker")) is not None:
            self.tokens.append(job.lease_token)

    def step(self, chance: random.Random) -> tuple[JobState, JobState]:
        """Somebody does something; the state before and after."""
        before = self.store.jobs.get(self.tenant_id, self.job_id).state
        lease = Lease(self.job_id, chance.choice(self.tokens[-3:]))
        with suppress(ConflictError, LeaseError):
            chance.choice(self.moves)(lease)
        return before, self.store.jobs.get(self.tenant_id, self.job_id).state


@pytest.mark.parametrize("seed", range(2))
def test_states_move_along_the_moves_alone(store: Store, tenant: Tenant, seed: int) -> None:
    """And the log of events tells the same story."""
    chance = random.Random(seed)
    life = Life(store, tenant)
    for _ in range(STEPS):
        before, after = life.step(chance)
        assert before == after or after in MOVES[before]
    assert life.tokens == sorted(set(life.tokens))
    events = store.events.after(tenant.id, 0, job_id=life.job_id, limit=1000)
    told = [JobState(event.data["state"]) for event in events]
    assert (told[0], told[-1]) == (JobState.QUEUED, after)
    assert all(after in MOVES[before] for before, after in pairwise(told))
    assert told.count(JobState.SUCCEEDED) <= 1


def test_a_database_refuses_what_the_code_should_never_do(
    store: Store, tenant: Tenant, clock: Clock
) -> None:
    """A running job has a lease, and no other has: the tables themselves say so."""
    job = queued(store, tenant.id)
    for wrong in ({"state": JobState.RUNNING}, {"lease_until": clock()}, {"attempts": 99}):
        with pytest.raises(IntegrityError), store.database.write() as session:
            session.execute(update(Job).where(Job.id == job.id).values(wrong))
