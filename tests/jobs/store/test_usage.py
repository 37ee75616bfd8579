from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta

from afgen.jobs.store import Store
from afgen.jobs.tables import Tenant
from tests.jobs.conftest import Clock
from tests.jobs.made import RESULT, running


def test_what_many_finish_at_once_adds_up(store: Store, tenant: Tenant, clock: Clock) -> None:
    jobs = [running(store, tenant.id) for _ in range(8)]
    moment = clock()
    store.database.now = lambda: moment
    with ThreadPoolExecutor(8) as workers:
        list(workers.map(lambda pair: store.leases.finish(pair[1], RESULT), jobs))
    (day,) = store.usage.between(tenant.id, moment.date(), moment.date())
    assert (day.jobs, day.seconds, day.bytes) == (8, 8 * RESULT.seconds, 8 * RESULT.bytes)


def test_each_day_is_counted_for_itself(store: Store, tenant: Tenant, clock: Clock) -> None:
    first = clock().astimezone(UTC).date()
    for _ in range(3):
        store.leases.finish(running(store, tenant.id)[1], RESULT)
        clock.ahead += timedelta(days=1)
    days = store.usage.between(tenant.id, first, first + timedelta(days=5))
    assert [day.jobs for day in days] == [1, 1, 1]
    assert len(store.usage.between(tenant.id, days[1].day, days[1].day)) == 1
    assert store.usage.between(store.tenants.create("theirs").id, first, days[-1].day) == []
