from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from afgen.errors import NotFoundError
from afgen.jobs.ids import Kind, new_id
from afgen.jobs.store import Store
from afgen.jobs.store.deliveries import NewEndpoint
from afgen.jobs.tables import Endpoint, Tenant
from tests.jobs.made import RESULT, queued, running

DUE_S, LATER_S = -1.0, 60.0


def endpoint(store: Store, tenant: Tenant, *kinds: str) -> Endpoint:
    new = NewEndpoint(
        new_id(Kind.ENDPOINT, store.database.now()), "https://example.com/hook", list(kinds), []
    )
    return store.endpoints.create(tenant.id, new)


def published(store: Store, tenant: Tenant) -> str:
    job, lease = running(store, tenant.id)
    store.leases.finish(lease, RESULT)
    return job.id


def test_an_end_is_told_to_those_who_want_to_know(store: Store, tenant: Tenant) -> None:
    wants_all, wants_this = endpoint(store, tenant), endpoint(store, tenant, "job.succeeded")
    endpoint(store, tenant, "job.failed")
    off = endpoint(store, tenant)
    store.endpoints.change(tenant.id, off.id, enabled=False)
    endpoint(store, store.tenants.create("theirs"))
    job_id = published(store, tenant)
    due = store.deliveries.claim_due(LATER_S)
    assert {one.id for _, one in due} == {wants_all.id, wants_this.id}
    for delivery, _ in due:
        assert delivery.kind == delivery.payload["type"] == "job.succeeded"
        assert delivery.payload["data"]["job_id"] == job_id
        assert delivery.payload["data"]["outputs"] == RESULT.outputs


def test_a_due_delivery_is_claimed_once(store: Store, tenant: Tenant) -> None:
    endpoint(store, tenant)
    for _ in range(10):
        published(store, tenant)
    with ThreadPoolExecutor(5) as several:
        claims = [pair for due in several.map(
            lambda _: store.deliveries.claim_due(LATER_S, limit=4, per_endpoint=10), range(5)
        ) for pair in due]  # fmt: skip
    assert len(claims) == len({delivery.id for delivery, _ in claims}) == 10
    assert {delivery.attempts for delivery, _ in claims} == {1}


def test_who_never_settles_leaves_it_to_others(store: Store, tenant: Tenant) -> None:
    endpoint(store, tenant)
    published(store, tenant)
    ((first, _),) = store.deliveries.claim_due(DUE_S)
    ((second, _),) = store.deliveries.claim_due(LATER_S)
    assert second.attempts == 2
    assert not store.deliveries.settle(first, delivered=False, status=500)
    assert store.deliveries.settle(second, delivered=True, status=204)
    assert store.deliveries.get(tenant.id, second.id).state == "delivered"
    assert not store.deliveries.settle(second, delivered=False)


def test_a_failure_is_tried_again_or_is_the_last(store: Store, tenant: Tenant) -> None:
    receiver = endpoint(store, tenant)
    published(store, tenant)
    ((delivery, _),) = store.deliveries.claim_due(LATER_S)
    soon = store.database.now() - timedelta(seconds=1)
    assert store.deliveries.settle(
        delivery, delivered=False, next_at=soon, status=500, error="Server Error"
    )
    ((delivery, _),) = store.deliveries.claim_due(LATER_S)
    assert delivery.last_status == 500
    store.deliveries.settle(delivery, delivered=False, status=410)
    assert store.deliveries.claim_due(LATER_S) == []
    (listed,) = store.deliveries.list(tenant.id, receiver.id, state="failed")
    assert (listed.id, listed.attempts) == (delivery.id, 2)


def test_a_delivery_can_be_made_again(store: Store, tenant: Tenant) -> None:
    receiver = endpoint(store, tenant)
    sent = store.deliveries.add(tenant.id, receiver.id, "ping", {})
    ((delivery, _),) = store.deliveries.claim_due(LATER_S)
    store.deliveries.settle(delivery, delivered=True, status=200)
    store.deliveries.again(tenant.id, sent.id)
    ((again, _),) = store.deliveries.claim_due(LATER_S)
    assert (again.id, again.payload) == (sent.id, sent.payload)


def test_an_endpoint_goes_with_its_deliveries(store: Store, tenant: Tenant) -> None:
    receiver = endpoint(store, tenant)
    sent = store.deliveries.add(tenant.id, receiver.id, "ping", {})
    assert store.endpoints.count(tenant.id) == 1
    store.endpoints.delete(tenant.id, receiver.id)
    assert store.endpoints.list(tenant.id) == []
    with pytest.raises(NotFoundError):
        store.deliveries.get(tenant.id, sent.id)


def test_others_do_not_see_an_endpoint(store: Store, tenant: Tenant) -> None:
    receiver, other = endpoint(store, tenant), store.tenants.create("theirs")
    sent = store.deliveries.add(tenant.id, receiver.id, "ping", {})
    for ask in (store.endpoints.get, store.endpoints.delete, store.endpoints.change):
        with pytest.raises(NotFoundError):
            ask(other.id, receiver.id)
    for look in (store.deliveries.get, store.deliveries.again):
        with pytest.raises(NotFoundError):
            look(other.id, sent.id)
    with pytest.raises(NotFoundError):
        store.deliveries.list(other.id, receiver.id)
    with pytest.raises(NotFoundError):
        store.deliveries.add(other.id, receiver.id, "ping", {})


def test_a_change_is_seen_at_once(store: Store, tenant: Tenant) -> None:
    receiver = endpoint(store, tenant)
    changed = store.endpoints.change(tenant.id, receiver.id, url="https://example.com/new")
    assert changed.url == store.endpoints.get(tenant.id, receiver.id).url
    queued(store, tenant.id)
    assert store.deliveries.claim_due(LATER_S) == []


def test_old_deliveries_are_forgotten_once_settled(store: Store, tenant: Tenant) -> None:
    receiver = endpoint(store, tenant)
    sent = store.deliveries.add(tenant.id, receiver.id, "ping", {})
    later = store.database.now() + timedelta(days=1)
    assert store.deliveries.forget_before(later) == 0
    ((delivery, _),) = store.deliveries.claim_due(LATER_S)
    store.deliveries.settle(delivery, delivered=True, status=200)
    assert store.deliveries.forget_before(sent.created_at) == 0
    assert store.deliveries.forget_before(later) == 1
    assert store.deliveries.list(tenant.id, receiver.id) == []
