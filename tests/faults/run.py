"""`python -m tests.faults.run`: hurt a running service again and again, and look what it did.

While renders go on, one fault after another is injected. After each, the invariants are checked
over the whole event log, all rows and all published files.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Self

from afgen.jobs.states import ENDED, JobState, Priority
from afgen.jobs.tables import Job
from tests.faults.checker import Checker, percentile
from tests.faults.faults import FAULTS, GoneError, chosen
from tests.faults.table import table
from tests.faults.world import LENGTHS_S, World, a_world, insist, wait_for

UNDER_WAY = 3
CANCEL_EVERY = 10  # faults
RECOVERY_LIMIT_S = 300.0
TOLD = ("lease_s", "heartbeat_s", "sweep_s", "resend_s")  # settings that recovery depends on
RUNNING = (JobState.RUNNING, JobState.CANCELING)


@dataclass
class Tally:
    """What was done, and what came of it."""

    seed: int
    faults: Counter[str] = field(default_factory=Counter)
    recovery_s: dict[str, list[float]] = field(default_factory=dict)
    cancel_s: list[float] = field(default_factory=list)
    jobs: int = 0
    violations: list[str] = field(default_factory=list)
    settings: dict[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Self:
        """What an earlier run has written."""
        kept = json.loads(path.read_text("utf-8"))
        recovery_s = kept["every_recovery_s"]
        faults = Counter({name: len(values) for name, values in recovery_s.items()})
        every_cancel_s, violations = kept["every_cancel_s"], kept["violations"]
        return cls(
            kept["seed"], faults, recovery_s, every_cancel_s, kept["jobs"], violations,
            kept["settings"],
        )  # fmt: skip

    def plain(self) -> dict[str, Any]:
        """As values for JSON."""
        every = [one for some in self.recovery_s.values() for one in some]
        return {
            "faults": sum(self.faults.values()),
            "jobs": self.jobs,
            "seed": self.seed,
            "settings": self.settings,
            "machine": {"cores": os.cpu_count(), "load": round(os.getloadavg()[2], 1)},
            "violations": self.violations,
            "recovery_s": _summary(every),
            "cancel_s": _summary(self.cancel_s),
            "kinds": {
                name: {"faults": count, "recovery_s": _summary(self.recovery_s.get(name, []))}
                for name, count in sorted(self.faults.items())
            },
            "every_recovery_s": self.recovery_s,
            "every_cancel_s": self.cancel_s,
        }


def run(world: World, names: Sequence[str], tally: Tally, out: Path | None = None) -> Tally:
    """Inject faults one after another; which jobs they hurt, the seed decides."""
    random, jobs_before = Random(tally.seed), tally.jobs
    tally.settings = {name: getattr(world.settings, name) for name in TOLD}
    checker = Checker(world.store, world.blobs)
    undisturbed = _undisturbed(world, checker)
    for number, name in enumerate(names, start=1):
        _fill(world, checker, random, undisturbed)
        _inject(world, name, random, tally)
        if number % CANCEL_EVERY == 0 or number == len(names):
            tally.cancel_s.append(_cancel(world, checker))
        tally.jobs = jobs_before + len(checker.asked)
        _note(world, checker, tally, out)
    wait_for(world, lambda: not _active(world), "all jobs have ended", 600.0)
    tally.violations += checker.unfinished()
    _note(world, checker, tally, out)
    return tally


def _undisturbed(world: World, checker: Checker) -> dict[int, str]:
    """The hash of each kind of job, before anything is hurt."""
    hashes = {}
    for seconds in LENGTHS_S:
        job = world.client.job(seconds)
        checker.asked.add(job.id)
        wait_for(world, lambda job=job: world.client.get(job).state in ENDED, "a first render")
        outputs = world.client.get(job).outputs
        assert outputs is not None, world.client.get(job).error
        hashes[seconds] = outputs["video"]["sha256"]
    return hashes


def _fill(world: World, checker: Checker, random: Random, undisturbed: dict[int, str]) -> None:
    """Keep some jobs under way, and wait until one is rendered."""
    while len(_active(world)) < UNDER_WAY:
        seconds = random.choice(LENGTHS_S)
        priority = random.choice(list(Priority))
        job = insist(lambda s=seconds, p=priority: world.client.job(s, p))
        checker.asked.add(job.id)
        checker.expected[job.id] = undisturbed[seconds]
    wait_for(world, lambda: world.jobs(JobState.RUNNING), "a job is rendered")


def _inject(world: World, name: str, random: Random, tally: Tally) -> None:
    """Hurt a job that is rendered, and wait until all that were have recovered."""
    while True:
        hurt = random.choice(world.jobs(JobState.RUNNING) or [None])
        with suppress(GoneError):
            if hurt is not None:
                began_s = time.monotonic()
                FAULTS[name](world, hurt, random)
                break
        time.sleep(0.1)
    before = {job.id: job.version for job in world.jobs(*RUNNING, JobState.QUEUED)}
    wait_for(world, lambda: _recovered(world, before), f"recovery of {name}", RECOVERY_LIMIT_S)
    tally.faults[name] += 1
    tally.recovery_s.setdefault(name, []).append(time.monotonic() - began_s)


def _recovered(world: World, before: dict[str, int]) -> bool:
    """Whether a worker has written for a job since, and none is held by who is gone."""
    now = {job.id: job for job in world.jobs(*JobState) if job.id in before}
    held = [job for job in now.values() if job.state in RUNNING]
    alive = all(job.version > before[job.id] for job in held)
    return alive and (bool(held) or all(job.state in ENDED for job in now.values()))


def _cancel(world: World, checker: Checker) -> float:
    """Seconds from asking for a rendered job to be canceled until it is."""
    while True:
        job: Job = insist(lambda: world.client.job(LENGTHS_S[-1]))
        checker.asked.add(job.id)
        wait_for(
            world,
            lambda job=job: world.client.get(job).state is not JobState.QUEUED,
            "it is rendered",
        )
        began_s = time.monotonic()
        canceled = insist(lambda job=job: world.client.get(job))
        if canceled.state is JobState.RUNNING:
            insist(lambda job=job: world.store.jobs.cancel(world.client.tenant.id, job.id))
            wait_for(world, lambda job=job: world.client.get(job).state in ENDED, "it is canceled")
            return time.monotonic() - began_s


def _active(world: World) -> Sequence[Job]:
    return world.jobs(*RUNNING, JobState.QUEUED)


def _note(world: World, checker: Checker, tally: Tally, out: Path | None) -> None:
    """Check everything, and write down what is known so far."""
    tally.violations += insist(checker.violations) + world.broken
    tally.violations = list(dict.fromkeys(tally.violations))
    if out is not None:
        out.write_text(json.dumps(tally.plain(), indent=2) + "\n", "utf-8")
        out.with_suffix(".md").write_text(table(tally.plain()), "utf-8")


def _summary(values_s: Sequence[float]) -> dict[str, float]:
    if not values_s:
        return {}
    shares = {"p50": 0.5, "p95": 0.95, "max": 1.0}
    return {name: round(percentile(values_s, share), 2) for name, share in shares.items()}


def main() -> int:
    """Run, and fail if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--add", action="store_true", help="to what --out holds already")
    parser.add_argument("--out", type=Path, default=Path("docs/faults.json"))
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # and so everything it started
    begun = Tally.read(asked.out) if asked.add else Tally(asked.seed)
    begun.seed = asked.seed
    with (
        tempfile.TemporaryDirectory(prefix="afgen-faults-") as folder,
        a_world(Path(folder), asked.workers) as world,
    ):
        names = chosen(asked.faults, Random(asked.seed))
        tally = run(world, names, begun, asked.out)
    sys.stdout.write(table(tally.plain()))
    return bool(tally.violations)


if __name__ == "__main__":
    sys.exit(main())
