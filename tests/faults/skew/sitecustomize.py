"""Read by every Python that has this folder on its path: its clock then tells another time."""

import os
from datetime import UTC, datetime, timedelta

import afgen.jobs.store

AHEAD = timedelta(seconds=float(os.environ["FAULTS_CLOCK_AHEAD_S"]))


def skewed_now() -> datetime:
    return datetime.now(UTC) + AHEAD


afgen.jobs.store.open_store.__defaults__ = (skewed_now,)
