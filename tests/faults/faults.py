"""The faults, each a function that hurts a world and mends what would not mend by itself."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from random import Random

from afgen.client.uploads import upload
from afgen.jobs.queue import Task
from afgen.jobs.states import JobState
from afgen.jobs.tables import Job
from tests.faults.proxy import Mode
from tests.faults.world import World, insist
from tests.service.servers import Spawned

OUTAGE_S = 3.0
SKEW_S = 3600.0

Fault = Callable[[World, Job, Random], None]


def kill_child(world: World, job: Job, random: Random) -> None:
    """kill -9 of the process that renders."""
    _, child = _holder(world, job)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)


def kill_worker(world: World, job: Job, random: Random) -> None:
    """kill -9 of a worker with all of its processes; another one is started."""
    worker, _ = _holder(world, job)
    worker.kill()
    world.replace(worker)


def stop_worker(world: World, job: Job, random: Random) -> None:
    """SIGSTOP of a whole worker until its lease is over, then SIGCONT."""
    worker, _ = _holder(world, job)
    worker.signal_all(signal.SIGSTOP)
    try:
        _sleep_through_lease(world, job)
    finally:
        worker.signal_all(signal.SIGCONT)


def stop_child(world: World, job: Job, random: Random) -> None:
    """SIGSTOP of the process that renders until its lease is over, then SIGCONT."""
    _, child = _holder(world, job)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGSTOP)
        _sleep_through_lease(world, job)
        os.kill(child, signal.SIGCONT)


def ask_to_stop(world: World, job: Job, random: Random) -> None:
    """SIGTERM: the worker hands over; another one is started."""
    worker, _ = _holder(world, job)
    worker.stop(patience_s=30.0)
    world.replace(worker)


def skew_clock(world: World, job: Job, random: Random) -> None:
    """A worker is replaced by one whose clock is an hour off."""
    worker, _ = _holder(world, job)
    worker.kill()
    world.replace(worker, ahead_s=random.choice((-SKEW_S, SKEW_S)))


def kill_redis(world: World, job: Job, random: Random) -> None:
    """kill -9 of Redis, which has kept nothing; it comes back a second later."""
    world.redis.kill()
    time.sleep(1.0)
    world.redis.start()


def flush_redis(world: World, job: Job, random: Random) -> None:
    """FLUSHALL: all messages and all that Celery keeps of queues are gone."""
    with world.redis.client() as client:
        client.flushall()


def restart_postgres(world: World, job: Job, random: Random) -> None:
    """An immediate restart: all connections break, as in a crash."""
    world.postgres.restart()


def storage_errors(world: World, job: Job, random: Random) -> None:
    """S3 answers everything with status 500 for a while."""
    _outage(world, Mode.ERRORS)


def storage_silence(world: World, job: Job, random: Random) -> None:
    """S3 takes connections and does not answer for a while."""
    _outage(world, Mode.SILENT)


def storage_slowness(world: World, job: Job, random: Random) -> None:
    """S3 gives and takes 80 kB/s for a while."""
    _outage(world, Mode.SLOW)


def restart_api(world: World, job: Job, random: Random) -> None:
    """kill -9 of the API in mid-upload; it comes back, and the client goes on."""
    path = world.new_recording()
    killed = False

    def kill_once(done: int, total: int) -> None:
        nonlocal killed
        if not killed:
            killed = True
            world.api.kill()
            world.api = world.start_api()

    insist(lambda: upload(world.remote, path, "recording", kill_once))
    assets = insist(lambda: world.store.assets.list(world.client.tenant.id, limit=100))
    there = [asset.state for asset in assets if asset.filename == path.name]
    if there != ["ready"]:
        world.broken.append(f"{path.name} was uploaded once and is there as {there}")


def duplicate_messages(world: World, job: Job, random: Random) -> None:
    """The message of a job comes three times more, and that of one that has ended, too."""
    ended = world.jobs(JobState.SUCCEEDED, JobState.CANCELED)
    for one in (job, job, job, *ended[-1:]):
        insist(lambda one=one: world.queue.send(Task.RENDER, one.id, queue=one.priority))


FAULTS: Mapping[str, Fault] = {
    fault.__name__: fault
    for fault in (
        kill_child,
        kill_worker,
        stop_worker,
        stop_child,
        ask_to_stop,
        skew_clock,
        kill_redis,
        flush_redis,
        restart_postgres,
        storage_errors,
        storage_silence,
        storage_slowness,
        restart_api,
        duplicate_messages,
    )
}


# After these a process has to be started, which is most of what a run costs.
COSTLY = frozenset({"kill_child", "kill_worker", "ask_to_stop", "skew_clock", "restart_api"})
CHEAP_FOR_COSTLY = 3


def chosen(count: int, random: Random) -> list[str]:
    """So many kinds of faults in any order, each at least once if there is room."""
    share = [name for name in FAULTS for _ in range(1 if name in COSTLY else CHEAP_FOR_COSTLY)]
    more = (share * (count // len(share) + 1))[: max(0, count - len(FAULTS))]
    names = [*FAULTS, *more][:count]
    random.shuffle(names)
    return names


class GoneError(Exception):
    """The job that was to be hurt is no longer being rendered."""


def _holder(world: World, job: Job) -> tuple[Spawned, int]:
    found = world.holder(job)
    if found is None:
        raise GoneError(job.id)
    return found


def _sleep_through_lease(world: World, job: Job) -> None:
    """Until the job was taken back, or somebody else has it; or it had ended before."""
    end = time.monotonic() + 4 * world.settings.lease_s
    while time.monotonic() < end:
        held = (JobState.RUNNING, JobState.CANCELING)
        now = next((one for one in world.jobs(*held) if one.id == job.id), None)
        if now is None or now.lease_token != job.lease_token:
            return
        time.sleep(0.2)


def _outage(world: World, mode: Mode) -> None:
    world.proxy.behave(mode)
    try:
        time.sleep(OUTAGE_S)
    finally:
        world.proxy.behave(Mode.WELL)
