from collections import defaultdict
from dataclasses import dataclass, field

import pytest

from afgen.errors import QueueUnavailableError
from afgen.jobs import service
from afgen.jobs.ids import Kind, new_id
from afgen.jobs.states import JobState, Priority
from afgen.jobs.store import JobRules, Store
from afgen.jobs.store.leases import Leases
from afgen.jobs.store.outbox import Outbox
from afgen.jobs.tables import Tenant
from tests.jobs.made import PLENTY, items, queued, spec_of

DEPTH = 4
LIMITS = {"most_active": PLENTY, "depth": DEPTH}


@dataclass
class Broker:
    """A queue in memory, which can be away."""

    away: bool = False
    messages: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def send(self, task: str, row_id: str, *, queue: str) -> None:
        self.ping()
        self.messages[queue].append(row_id)

    def waiting(self, queue: str) -> int:
        self.ping()
        return len(self.messages[queue])

    def ping(self) -> None:
        if self.away:
            raise QueueUnavailableError("away")


@pytest.fixture
def broker() -> Broker:
    return Broker()


def test_a_worker_is_woken_after_the_commit(store: Store, tenant: Tenant, broker: Broker) -> None:
    job = service.submit(store, broker, tenant.id, spec_of(), **LIMITS)
    assert broker.messages == {"interactive": [job.id]}
    assert store.outbox.unsent(Priority.INTERACTIVE, 10) == []


def test_submitting_twice_makes_one_job(store: Store, tenant: Tenant, broker: Broker) -> None:
    job_id = new_id(Kind.JOB, store.database.now())
    for _ in range(2):
        service.submit(store, broker, tenant.id, spec_of(), **LIMITS, job_id=job_id)
    assert [job.id for job in store.jobs.list(tenant.id)] == [job_id]


def test_a_broker_that_is_away_is_told_later(store: Store, tenant: Tenant, broker: Broker) -> None:
    broker.away = True
    job = service.submit(store, broker, tenant.id, spec_of(), **LIMITS)
    assert job.state is JobState.QUEUED and service.sweep(store, broker, DEPTH) == 0
    broker.away = False
    assert service.sweep(store, broker, DEPTH) == 1
    assert broker.messages["interactive"] == [job.id]
    assert service.sweep(store, broker, DEPTH) == 0


def test_a_large_batch_is_sent_little_by_little(
    store: Store, tenant: Tenant, broker: Broker
) -> None:
    batch = service.submit_batch(
        store, broker, tenant.id, "", items(10), most_active=PLENTY, depth=DEPTH
    )
    sent = [job.id for job in store.batches.items(tenant.id, batch.id)]
    assert broker.messages["batch"] == sent[:4]
    assert service.sweep(store, broker, DEPTH) == 0
    broker.messages["batch"].clear()
    assert service.sweep(store, broker, DEPTH) == 4
    assert broker.messages["batch"] == sent[4:8]


def test_a_flood_of_one_tenant_stands_in_nobodys_way_for_long(
    store: Store, tenant: Tenant, broker: Broker
) -> None:
    flood = [service.submit(store, broker, tenant.id, spec_of(), **LIMITS) for _ in range(20)]
    other = store.tenants.create("other")
    job = service.submit(store, broker, other.id, spec_of(), **LIMITS)
    waiting = broker.messages["interactive"]
    assert waiting == [job.id for job in flood[:DEPTH]]
    assert store.leases.claim(waiting.pop(0), "worker") is not None
    assert service.sweep(store, broker, DEPTH) == 1
    assert waiting[-1] == job.id


def test_tenants_take_turns(store: Store, tenant: Tenant) -> None:
    other = store.tenants.create("other")
    ours = [queued(store, tenant.id).id for _ in range(4)]
    theirs = [queued(store, other.id).id for _ in range(2)]
    turns = [ours[0], theirs[0], ours[1], theirs[1], ours[2], ours[3]]
    assert store.outbox.unsent(Priority.INTERACTIVE, 10) == turns
    store.outbox.mark_sent(ours[:2])
    assert store.outbox.unsent(Priority.INTERACTIVE, 3) == [*theirs, ours[2]]


def test_what_a_broker_may_have_lost_is_sent_again(
    store: Store, tenant: Tenant, broker: Broker
) -> None:
    job = service.submit(store, broker, tenant.id, spec_of(), **LIMITS)
    broker.messages.clear()
    assert service.sweep(store, broker, DEPTH) == 0
    store.outbox = Outbox(store.database, JobRules(resend_s=-1))
    assert service.sweep(store, broker, DEPTH) == 1
    assert broker.messages["interactive"] == [job.id]


def test_a_job_taken_back_is_sent_to_another_worker(
    store: Store, tenant: Tenant, broker: Broker
) -> None:
    job = queued(store, tenant.id)
    assert Leases(store.database, JobRules(lease_s=-1)).claim(job.id, "gone") is not None
    assert service.sweep(store, broker, DEPTH) == 1
    assert broker.messages["interactive"] == [job.id]


def test_a_retry_wakes_a_worker(store: Store, tenant: Tenant, broker: Broker) -> None:
    job = queued(store, tenant.id)
    store.jobs.cancel(tenant.id, job.id)
    again = service.retry(store, broker, tenant.id, job.id, **LIMITS)
    assert again.state is JobState.QUEUED and broker.messages["interactive"] == [job.id]
