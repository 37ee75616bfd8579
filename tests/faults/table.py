"""The figures of a run as a table for people."""

from collections.abc import Mapping
from typing import Any

from tests.faults import faults


def table(plain: Mapping[str, Any]) -> str:
    """A page of Markdown."""
    settings = plain["settings"]
    rows = [
        f"| {_words(name)} | {kind['faults']} | {_cells(kind['recovery_s'])} |"
        for name, kind in plain["kinds"].items()
    ]
    broken = plain["violations"] or ["none"]
    return "\n".join(
        [
            "# What the service does when it is hurt",
            "",
            "Made by `make test-faults`: real renders on PostgreSQL, Redis without persistence, an",
            "S3 store behind a proxy that fails, two workers and the clock. Leases are short here:",
            f"{settings['lease_s']:.0f} s where the default is 60, heartbeats every "
            f"{settings['heartbeat_s']:.0f} s for 10, a sweep every {settings['sweep_s']} s for 5.",
            "A lost worker costs the rest of its lease, so with the defaults add up to 60 s.",
            "",
            f"{plain['faults']} faults over {plain['jobs']} jobs. Broken promises: "
            + "; ".join(broken)
            + ".",
            "",
            "| fault | times | recovery p50 (s) | p95 (s) | longest (s) |",
            "|---|---|---|---|---|",
            *rows,
            f"| **all** | {plain['faults']} | {_cells(plain['recovery_s'])} |",
            "",
            "Recovery is the time from the fault until a worker writes again for every job that one"
            " holds.",
            f"Cancels of a running job: {_cells(plain['cancel_s'])} (p50, p95, longest, in s).",
            "",
        ]
    )


def _words(name: str) -> str:
    """What a fault does, as its function says."""
    return str(faults.FAULTS[name].__doc__).strip().rstrip(".")


def _cells(summary: Mapping[str, float]) -> str:
    return " | ".join(f"{summary.get(name, 0.0):.1f}" for name in ("p50", "p95", "max"))
