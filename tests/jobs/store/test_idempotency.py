from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from afgen.errors import IdempotencyBusyError, IdempotencyMismatchError
from afgen.jobs.store import Store
from afgen.jobs.store.idempotency import Replay, Request
from afgen.jobs.tables import Tenant
from tests.jobs.conftest import Clock

ASKED = Request("key-1", "POST /v1/jobs", "0" * 64)


def test_the_answer_is_given_again(store: Store, tenant: Tenant) -> None:
    assert store.idempotency.begin(tenant.id, ASKED, "job_1") == "job_1"
    store.idempotency.complete(tenant.id, ASKED.key, 201, {"id": "job_1"})
    assert store.idempotency.begin(tenant.id, ASKED, "job_2") == Replay(201, {"id": "job_1"})


@pytest.mark.parametrize(
    "other", [replace(ASKED, body_sha256="1" * 64), replace(ASKED, action="POST /v1/batches")]
)
def test_a_key_belongs_to_one_request(store: Store, tenant: Tenant, other: Request) -> None:
    store.idempotency.begin(tenant.id, ASKED, "job_1")
    with pytest.raises(IdempotencyMismatchError):
        store.idempotency.begin(tenant.id, other, "job_2")


def test_each_tenant_has_keys_of_its_own(store: Store, tenant: Tenant) -> None:
    other = store.tenants.create("theirs")
    assert store.idempotency.begin(tenant.id, ASKED, "job_1") == "job_1"
    assert store.idempotency.begin(other.id, ASKED, "job_2") == "job_2"


def test_a_request_cut_off_goes_on_with_the_same_id(
    store: Store, tenant: Tenant, clock: Clock
) -> None:
    store.idempotency.begin(tenant.id, ASKED, "job_1")
    with pytest.raises(IdempotencyBusyError):
        store.idempotency.begin(tenant.id, ASKED, "job_2")
    clock.ahead = timedelta(minutes=2)
    assert store.idempotency.begin(tenant.id, ASKED, "job_3") == "job_1"
    with pytest.raises(IdempotencyBusyError):
        store.idempotency.begin(tenant.id, ASKED, "job_4")


def test_of_many_at_once_one_goes_on(store: Store, tenant: Tenant) -> None:
    def ask(number: int) -> bool:
        try:
            return store.idempotency.begin(tenant.id, ASKED, f"job_{number}") == f"job_{number}"
        except IdempotencyBusyError:
            return False

    with ThreadPoolExecutor(10) as askers:
        assert sum(askers.map(ask, range(20))) == 1


def test_a_refused_request_may_be_mended_and_sent_again(store: Store, tenant: Tenant) -> None:
    store.idempotency.begin(tenant.id, ASKED, "job_1")
    store.idempotency.abandon(tenant.id, ASKED.key)
    mended = replace(ASKED, body_sha256="1" * 64)
    assert store.idempotency.begin(tenant.id, mended, "job_2") == "job_2"
    store.idempotency.complete(tenant.id, ASKED.key, 201, {})
    store.idempotency.abandon(tenant.id, ASKED.key)
    assert isinstance(store.idempotency.begin(tenant.id, mended, "job_3"), Replay)


def test_old_keys_are_forgotten(store: Store, tenant: Tenant, clock: Clock) -> None:
    store.idempotency.begin(tenant.id, ASKED, "job_1")
    assert store.idempotency.forget_before(clock() - timedelta(days=1)) == 0
    assert store.idempotency.forget_before(clock() + timedelta(seconds=1)) == 1
    assert store.idempotency.begin(tenant.id, ASKED, "job_2") == "job_2"
