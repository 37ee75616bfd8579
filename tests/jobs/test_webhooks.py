"""Webhooks: what is said, how it is signed, and how often it is tried."""

import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from afgen.errors import FetchInterruptedError
from afgen.jobs.addresses import AddressPolicy
from afgen.jobs.ids import Kind, new_id
from afgen.jobs.outbound import WEBHOOK_LIMITS, Limits, Outbound, Reply
from afgen.jobs.spec import JobSpec
from afgen.jobs.store import Store
from afgen.jobs.store.deliveries import NewEndpoint
from afgen.jobs.store.leases import Result, lease_of
from afgen.jobs.store.moves import NewJob
from afgen.jobs.tables import Delivery, Endpoint, Tenant
from afgen.jobs.webhooks import (
    RETRY_AFTER,
    deliver_due,
    message_of,
    new_secret,
    next_attempt,
    rotated,
    signed,
)
from tests.jobs.conftest import Clock
from tests.jobs.sites import NOBODY, OUTSIDE, Names, answer, policy, site

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPEC = JobSpec.model_validate(
    {"inputs": {"portrait": "https://a.example/p.png", "conversation": "https://a.example/c.mp4"}}
)
OUTPUTS = {
    "video": {"blob_key": "outputs/secret/1/video.mp4", "sha256": "ab", "bytes": 7,
              "content_type": "video/mp4"},
}  # fmt: skip


class Receiver(Outbound):
    """Answers what it is told to, the last answer again and again, and keeps what it got."""

    def __init__(self, *answers: Reply | Exception) -> None:
        super().__init__(AddressPolicy(), ssl_context=NOBODY)
        self.answers = list(answers)
        self.got: list[tuple[str, bytes, Mapping[str, str]]] = []

    def post(
        self, url: str, body: bytes, headers: Mapping[str, str], limits: Limits = WEBHOOK_LIMITS
    ) -> Reply:
        self.got.append((url, body, headers))
        answered = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answered, Exception):
            raise answered
        return answered


@pytest.fixture
def endpoint(store: Store, tenant: Tenant) -> Endpoint:
    return endpoint_at(store, tenant, "https://hooks.example/afgen")


def endpoint_at(store: Store, tenant: Tenant, url: str) -> Endpoint:
    made = NewEndpoint(new_id(Kind.ENDPOINT, NOW), url, [], [{"secret": new_secret()}])
    return store.endpoints.create(tenant.id, made)


def succeed(store: Store, tenant: Tenant) -> str:
    job_id = new_id(Kind.JOB, NOW)
    store.jobs.create(tenant.id, NewJob(job_id, SPEC), most_active=10)
    claimed = store.leases.claim(job_id, "worker")
    assert claimed is not None
    store.leases.finish(lease_of(claimed), Result(OUTPUTS, 1.0, 7))
    return job_id


def only_delivery(store: Store, endpoint: Endpoint) -> Delivery:
    (delivery,) = store.deliveries.list(endpoint.tenant_id, endpoint.id)
    return delivery


def endpoint_now(store: Store, endpoint: Endpoint) -> Endpoint:
    return store.endpoints.get(endpoint.tenant_id, endpoint.id)


def test_what_a_job_came_to_arrives_signed(store: Store, tenant: Tenant, clock: Clock) -> None:
    with site(OUTSIDE) as receiver:
        receiver.answers["/hook"] = answer(204)
        url = f"http://hooks.example:{receiver.port}/hook"
        endpoint = endpoint_at(store, tenant, url)
        job_id = succeed(store, tenant)
        outbound = Outbound(policy(receiver.port), resolve=Names([OUTSIDE]), ssl_context=NOBODY)
        assert deliver_due(store, outbound, clock) == 1
        assert deliver_due(store, outbound, clock) == 0
    ((_, _, headers, body),) = receiver.asked
    event = Webhook(endpoint.secrets[0]["secret"]).verify(body, dict(headers))
    assert event["type"] == "job.succeeded"
    assert event["data"]["job_id"] == job_id
    assert event["data"]["outputs"] == {
        "video": {"sha256": "ab", "bytes": 7, "content_type": "video/mp4"}
    }
    delivery = only_delivery(store, endpoint)
    assert (delivery.state, delivery.last_status, delivery.attempts) == ("delivered", 204, 1)
    assert headers["Webhook-Id"] == delivery.id


def test_a_failure_is_tried_again_as_planned_and_then_no_more(
    store: Store, tenant: Tenant, endpoint: Endpoint, clock: Clock
) -> None:
    succeed(store, tenant)
    then = clock() - timedelta(days=4)  # so that each next attempt is due at once
    receiver = Receiver(Reply(500), FetchInterruptedError("It took too long."), Reply(302))
    waits = []
    for _ in range(len(RETRY_AFTER) + 1):
        assert deliver_due(store, receiver, lambda: then, jitter=lambda: 0.5) == 1
        delivery = only_delivery(store, endpoint)
        if delivery.next_at is not None:
            waits.append(delivery.next_at - then)
    assert waits == [wait * 1.1 for wait in RETRY_AFTER]
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("failed", 10, 302)
    assert deliver_due(store, receiver, clock) == 0
    assert len({headers["Webhook-Id"] for _, _, headers in receiver.got}) == 1


def test_several_that_deliver_at_once_deliver_each_once(
    store: Store, tenant: Tenant, endpoint: Endpoint, clock: Clock
) -> None:
    for _ in range(12):
        store.deliveries.add(tenant.id, endpoint.id, "job.succeeded", {})
    receiver, ready = Receiver(Reply(204)), Barrier(4)

    def beat(_: int) -> int:
        ready.wait()
        return sum(iter(lambda: deliver_due(store, receiver, clock), 0))

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(beat, range(4))) == 12
    assert len({headers["Webhook-Id"] for _, _, headers in receiver.got}) == 12
    assert len(receiver.got) == 12


def test_what_was_given_up_on_can_be_delivered_again(
    store: Store, tenant: Tenant, endpoint: Endpoint, clock: Clock
) -> None:
    succeed(store, tenant)
    deliver_due(store, Receiver(Reply(204)), clock)
    first = only_delivery(store, endpoint)
    store.deliveries.again(tenant.id, first.id)
    receiver = Receiver(Reply(204))
    assert deliver_due(store, receiver, clock) == 1
    assert receiver.got[0][2]["Webhook-Id"] == first.id


def test_an_error_is_written_down_in_words(
    store: Store, tenant: Tenant, endpoint: Endpoint, clock: Clock
) -> None:
    succeed(store, tenant)
    deliver_due(store, Receiver(FetchInterruptedError("hooks.example took too long.")), clock)
    delivery = only_delivery(store, endpoint)
    assert (delivery.last_status, delivery.last_error) == (None, "hooks.example took too long.")


def test_who_is_gone_is_not_asked_again(
    store: Store, tenant: Tenant, endpoint: Endpoint, clock: Clock
) -> None:
    succeed(store, tenant)
    succeed(store, tenant)
    receiver = Receiver(Reply(410))
    deliver_due(store, receiver, clock)
    assert endpoint_now(store, endpoint).disabled_reason == "gone"
    assert not endpoint_now(store, endpoint).enabled
    succeed(store, tenant)
    assert deliver_due(store, receiver, clock) == 0
    states = [each.state for each in store.deliveries.list(tenant.id, endpoint.id)]
    assert states == ["failed", "failed"]


def test_what_waits_for_an_endpoint_that_was_turned_off_is_not_sent(
    store: Store, tenant: Tenant, endpoint: Endpoint, clock: Clock
) -> None:
    succeed(store, tenant)
    store.endpoints.change(tenant.id, endpoint.id, enabled=False)
    receiver = Receiver(Reply(204))
    assert deliver_due(store, receiver, clock) == 1
    assert receiver.got == []
    assert only_delivery(store, endpoint).state == "failed"


@pytest.mark.parametrize(("days", "enabled"), [(4.9, True), (5.1, False)])
def test_five_days_of_nothing_but_failures_are_enough(
    store: Store, tenant: Tenant, endpoint: Endpoint, clock: Clock, days: float, enabled: bool
) -> None:
    clock.ahead = timedelta(days=-10)
    for wait in (timedelta(0), timedelta(days=days)):
        clock.ahead += wait
        succeed(store, tenant)
        deliver_due(store, Receiver(Reply(500)), clock)
    now = endpoint_now(store, endpoint)
    assert now.enabled is enabled
    assert now.disabled_reason == (None if enabled else "failing")
    store.endpoints.change(tenant.id, endpoint.id, enabled=True)
    assert endpoint_now(store, endpoint).failing_since is None


def test_one_delivery_that_arrives_begins_the_count_anew(
    store: Store, tenant: Tenant, endpoint: Endpoint, clock: Clock
) -> None:
    clock.ahead = timedelta(days=-12)
    for wait, status in ((0, 500), (3, 204), (3, 500), (3, 500)):
        clock.ahead += timedelta(days=wait)
        store.deliveries.add(tenant.id, endpoint.id, "job.succeeded", {})
        deliver_due(store, Receiver(Reply(status)), clock)
    assert endpoint_now(store, endpoint).enabled


def test_an_endpoint_that_does_not_answer_keeps_nobody_waiting(
    store: Store, tenant: Tenant, endpoint: Endpoint, clock: Clock
) -> None:
    for _ in range(6):
        store.deliveries.add(tenant.id, endpoint.id, "job.succeeded", {})
    other = endpoint_at(store, tenant, "https://other.example/afgen")
    store.deliveries.add(tenant.id, other.id, "job.succeeded", {})
    clock.ahead = timedelta(hours=1)  # second attempts are far off
    silent = Receiver(FetchInterruptedError("It took too long."))
    assert deliver_due(store, silent, clock) == 5
    assert sorted(url for url, _, _ in silent.got) == [endpoint.url] * 4 + [other.url]
    assert deliver_due(store, silent, clock) == 0
    attempts = [each.attempts for each in store.deliveries.list(tenant.id, endpoint.id)]
    assert attempts == [0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("status", "retry_after", "wait_s"),
    [
        (500, "3600", 5),
        (503, "3600", 3600),
        (429, "2", 5),
        (429, "99999999999999", 86400),
        (429, "Sun, 01 Mar 2026 13:00:00 GMT", 3600),
        (429, "Sun, 01 Mar 2020 13:00:00 GMT", 5),
        (503, "soon", 5),
        (503, "-1", 5),
        (503, None, 5),
    ],
)
def test_who_asks_for_time_gets_it(status: int, retry_after: str | None, wait_s: int) -> None:
    at = next_attempt(1, NOW, Reply(status, retry_after), jitter=0.0)
    assert at == NOW + timedelta(seconds=wait_s)


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(100, 599), st.floats(0, 1, exclude_max=True))
def test_every_attempt_is_later_than_planned_and_not_much(
    attempts: int, status: int, jitter: float
) -> None:
    at = next_attempt(attempts, NOW, Reply(status), jitter)
    if attempts > len(RETRY_AFTER) or status == 410:
        assert at is None
    else:
        assert at is not None
        planned = RETRY_AFTER[attempts - 1]
        assert planned <= at - NOW <= planned * 1.2


def test_both_secrets_sign_while_one_replaces_the_other() -> None:
    old, new, now = new_secret(), new_secret(), datetime.now(UTC)
    kept = rotated([{"secret": old}], new, now)
    body = b'{"type":"job.failed"}'
    headers = signed("dlv_1", body, kept, now)
    for secret in (old, new):
        assert Webhook(secret).verify(body, headers) == json.loads(body)
    later = signed("dlv_1", body, kept, now + timedelta(days=1, seconds=1))
    assert len(later["Webhook-Signature"].split(" ")) == 1
    assert len(rotated(kept, new_secret(), now + timedelta(days=2))) == 2


EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs/webhooks.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=["library", "python"])
def test_receivers_can_verify_as_the_docs_say(example: str) -> None:
    names: dict[str, Any] = {}
    exec(example, names)
    verified = names["verified"]
    old, new, now = new_secret(), new_secret(), datetime.now(UTC)
    body = b'{"type":"job.failed"}'
    headers = signed("dlv_1", body, rotated([{"secret": old}], new, now), now)
    for secret in (old, new):
        assert verified(secret, headers, body) == {"type": "job.failed"}
    forged = {**headers, "Webhook-Id": "dlv_2"}
    stale = signed("dlv_1", body, [{"secret": new}], now - timedelta(minutes=6))
    for wrong in ((new_secret(), headers, body), (new, forged, body), (new, headers, body + b" "),
                  (new, stale, body)):  # fmt: skip
        with pytest.raises((ValueError, WebhookVerificationError)):
            verified(*wrong)


def test_a_change_of_anything_signed_is_noticed() -> None:
    now = datetime.now(UTC)
    secret, body = new_secret(), b'{"type":"job.failed"}'
    headers = signed("dlv_1", body, [{"secret": secret}], now)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body + b" ", headers)
    for name, value in (
        ("Webhook-Id", "dlv_2"),
        ("Webhook-Timestamp", str(int(now.timestamp()) + 1)),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, {**headers, name: value})


@settings(deadline=None)
@given(st.dictionaries(st.text(), st.text()))
def test_nothing_is_told_that_is_not_meant_to_be(extras: dict[str, str]) -> None:
    data: dict[str, Any] = {**extras, "lease_token": 3, "outputs": OUTPUTS}
    payload = {"type": "job.succeeded", "timestamp": NOW.isoformat(), "data": data}
    said = message_of(payload)["data"]
    assert "lease_token" not in said
    assert "blob_key" not in said["outputs"]["video"]
    assert set(said) <= {
        "job_id", "batch_id", "item_key", "state", "attempts", "counts", "error", "outputs"
    }  # fmt: skip
