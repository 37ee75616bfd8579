"""A short run of what `make test-faults` does at length."""

from pathlib import Path

import pytest

from tests.faults.run import Tally, run
from tests.faults.table import table
from tests.faults.world import SHORT, a_world

pytestmark = pytest.mark.slow
SOME = ("kill_child", "stop_child", "kill_redis", "restart_postgres", "storage_errors")
RECOVERY_S = 75.0
CANCEL_S = 10.0  # 2 s on a machine that has nothing else to do


def test_some_faults_break_no_promise(tmp_path: Path) -> None:
    with a_world(tmp_path, workers=2, **SHORT) as world:
        tally = run(world, SOME, Tally(seed=0), tmp_path / "faults.json")
    assert tally.violations == []
    assert tally.faults.total() == len(SOME)
    assert max(tally.cancel_s) < CANCEL_S
    again = Tally.read(tmp_path / "faults.json")
    assert again.recovery_s == tally.recovery_s
    assert "Broken promises: none" in table(again.plain())
