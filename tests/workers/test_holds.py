"""What a worker learns of its leases, and what it does about it at once."""

import pytest

from afgen.errors import (
    CancelRequestedError,
    DatabaseUnavailableError,
    HandedOverError,
    LeaseLostError,
)
from afgen.jobs.states import JobState, Phase
from afgen.jobs.store.leases import Leases
from afgen.jobs.tables import Job
from afgen.render.progress import Progress
from tests.service.clients import Client
from workers.holds import Hold
from workers.workshop import Workshop

LEASE_S, HEARTBEAT_S = 6.0, 1.0


class Watch:
    """A clock that a test turns on."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def hold(shop: Workshop, client: Client, watch: Watch) -> Hold:
    job = shop.store.leases.claim(client.job().id, "me")
    assert job is not None
    return Hold(job, shop.store.leases, LEASE_S, watch)


def drawn(done: int) -> Progress:
    return Progress("Rendering", done, 50)


def test_progress_is_written_at_the_next_look(hold: Hold, client: Client) -> None:
    hold.enter(Phase.FETCHING)
    for done in (1, 2, 3):
        hold.listen(drawn(done))
    assert client.get(hold.job).progress_done == 0
    hold.look(HEARTBEAT_S)
    now = client.get(hold.job)
    assert (now.phase, now.progress_done, now.progress_total) == (Phase.RENDERING, 3, 50)
    version = now.version
    hold.look(HEARTBEAT_S)
    assert client.get(hold.job).version == version


def test_a_heartbeat_lengthens_the_lease(hold: Hold, client: Client, watch: Watch) -> None:
    before = client.get(hold.job).lease_until
    watch.now_s += HEARTBEAT_S
    hold.look(HEARTBEAT_S)
    after = client.get(hold.job).lease_until
    assert before is not None and after is not None and after > before
    watch.now_s += LEASE_S
    hold.check()


def test_a_cancel_is_confirmed_before_the_render_has_noticed(hold: Hold, client: Client) -> None:
    client.store.jobs.cancel(client.tenant.id, hold.job.id)
    hold.look(HEARTBEAT_S)
    assert client.get(hold.job).state is JobState.CANCELED
    for progress in (drawn(1), Progress("Understanding", 1, None)):
        with pytest.raises(CancelRequestedError):
            hold.listen(progress)


def test_a_hand_over_costs_no_attempt(hold: Hold, client: Client) -> None:
    hold.away.set()
    hold.look(HEARTBEAT_S)
    now = client.get(hold.job)
    assert (now.state, now.attempts) == (JobState.QUEUED, 0)
    assert hold.handed_over
    with pytest.raises(HandedOverError):
        hold.check()


def test_who_wakes_after_its_lease_stops(hold: Hold, client: Client, watch: Watch) -> None:
    watch.now_s += LEASE_S + 0.1
    with pytest.raises(LeaseLostError):
        hold.check()
    assert not hold.handed_over


def test_who_was_replaced_stops(hold: Hold, shop: Workshop) -> None:
    shop.store.leases.hand_over(hold.lease)
    assert shop.store.leases.claim(hold.job.id, "another") is not None
    hold.look(HEARTBEAT_S)
    with pytest.raises(LeaseLostError):
        hold.enter(Phase.PUBLISHING)


def test_a_database_that_is_away_ends_nothing_before_the_lease(
    hold: Hold, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: Leases, *_: object) -> Job:
        raise DatabaseUnavailableError("away")

    for method in ("heartbeat", "check", "progress"):
        monkeypatch.setattr(Leases, method, away)
    watch.now_s += LEASE_S - 0.1
    hold.look(HEARTBEAT_S)
    hold.check()
    watch.now_s += 0.2
    hold.look(HEARTBEAT_S)
    with pytest.raises(LeaseLostError):
        hold.check()


def test_a_process_that_leaves_hands_over_all(shop: Workshop, client: Client) -> None:
    jobs = [shop.store.leases.claim(client.job().id, "me") for _ in range(2)]
    shop.holds.leaving.set()
    with shop.holds.keeping([job for job in jobs if job is not None]) as holds:
        for hold in holds:
            hold.away.wait(10)
    assert {client.get(hold.job).state for hold in holds} == {JobState.QUEUED}
