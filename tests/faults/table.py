"""The figures of a run as a table for people."""

from collections.abc import Mapping
from typing import Any

from tests.faults import faults


def table(plain: Mapping[str, Any]) -> str:
    """A page of Markdown."""
    settings, machine = plain["settings"], plain["machine"]
    rows = "\n".join(
        f"| {_words(name)} | {kind['faults']} | {_cells(kind['recovery_s'])} |"
        for name, kind in plain["kinds"].items()
    )
    broken = "; ".join(plain["violations"]) or "none"
    return f"""# What the service does when it is hurt

Made by `python -m tests.faults.run --faults {plain["faults"]} --seed {plain["seed"]}`, as
`make test-faults` is with another seed: real renders on PostgreSQL, a Redis that keeps nothing, an
S3 store behind a proxy that fails, an API, two workers and the clock, on {machine["cores"]} cores
whose load (waiting processes) was {machine["load"]}. A worker that is silent for
{settings["lease_s"]:.0f} s has lost its job; heartbeats come every {settings["heartbeat_s"]:g} s,
the sweep every {settings["sweep_s"]:g} s, and what may have been lost with the broker is sent again
after {settings["resend_s"]:.0f} s, for which also faults wait that follow soon.

{plain["faults"]} faults over {plain["jobs"]} jobs. After each, the whole event log, all rows and
all published files were checked: no job may be lost or published twice, states change along their
moves alone, tokens only grow, and every video has the bytes of an undisturbed render.
Broken promises: {broken}.

| fault | times | recovery p50 (s) | p95 (s) | longest (s) |
|---|---|---|---|---|
{rows}
| **all** | {plain["faults"]} | {_cells(plain["recovery_s"])} |

Recovery is the time from the fault until a worker writes again for every job that one holds. Where
a process had to be started anew, most of it is the start: a worker loads its libraries and models,
and after an upload the API looks into the file.

| {len(plain["every_cancel_s"])} cancels of a running job | p50 (s) | p95 (s) | longest (s) |
|---|---|---|---|
| until it is canceled | {_cells(plain["cancel_s"])} |
"""


def _words(name: str) -> str:
    """What a fault does, as its function says."""
    return str(faults.FAULTS[name].__doc__).strip().rstrip(".")


def _cells(summary: Mapping[str, float]) -> str:
    return " | ".join(f"{summary.get(name, 0.0):.1f}" for name in ("p50", "p95", "max"))
