"""Chores, done by several processes at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from sqlalchemy import update

from afgen.jobs.states import JobState
from afgen.jobs.tables import Job
from tests.service.clients import Client
from tests.service.servers import RedisServer
from workers.beat import Chore, chores
from workers.workshop import Workshop

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def all_chores(shop: Workshop, redis_url: str) -> dict[str, Chore]:
    settings = shop.settings.model_copy(update={"redis_url": redis_url})
    return {chore.name: chore for chore in chores(settings, shop.store)}


def test_several_at_once_take_a_job_back_once(
    shop: Workshop, client: Client, redis_url: str, redis_server: RedisServer
) -> None:
    job = client.job()
    assert shop.store.leases.claim(job.id, "a worker that falls silent") is not None
    with shop.store.database.write() as session:
        session.execute(update(Job).where(Job.id == job.id).values(lease_until=LONG_AGO))
    beats = [all_chores(shop, redis_url)["sweep"] for _ in range(4)]
    with ThreadPoolExecutor(len(beats)) as pool:
        list(pool.map(lambda beat: beat.do(), beats))
    now = client.get(job)
    assert (now.state, now.attempts, now.lease_token) == (JobState.QUEUED, 1, 1)
    events = client.store.events.after(client.tenant.id, 0, job_id=job.id)
    assert [event.kind for event in events] == ["job.queued", "job.running", "job.queued"]
    with redis_server.client() as redis:
        assert 1 <= redis.llen("interactive") <= len(beats)


def test_every_chore_can_be_done_with_nothing_to_do(shop: Workshop, redis_url: str) -> None:
    names = {"sweep", "schedules", "deliveries", "retention"}
    done = all_chores(shop, redis_url)
    assert done.keys() == names
    for chore in done.values():
        chore.do()
