import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from afgen.train.checkpoints import last_checkpoint, read_checkpoint
from afgen.train.distributed import ALONE
from afgen.train.log import LOG

ROOT = Path(__file__).parents[2]


def toy(run_dir: Path, *options: str, processes: int = 1) -> None:
    """The toy task in so many processes, told apart as torchrun does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, "-m", "tests.train.toy", str(run_dir), *options]
    environments = [
        {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(processes)}
        | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        for rank in range(processes)
    ]
    extra = environments if processes > 1 else [{}]
    running = [subprocess.Popen(command, cwd=ROOT, env=os.environ | one) for one in extra]
    assert [process.wait(timeout=120) for process in running] == [0] * processes


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 3])
def test_processes_learn_what_one_learns_from_all_their_parts(
    tmp_path: Path, processes: int
) -> None:
    """To the last digit: the same log, weights, averages and moments of the optimiser."""
    toy(tmp_path / "alone", "--steps", "20", "--accumulate", str(processes))
    toy(tmp_path / "together", "--steps", "20", processes=processes)
    alone, together = (tmp_path / name for name in ("alone", "together"))
    assert len((alone / LOG).read_text().splitlines()) == 20
    assert (alone / LOG).read_bytes() == (together / LOG).read_bytes()
    states = [read_checkpoint(last_checkpoint(one))["players"]["line"] for one in (alone, together)]
    for kind in ("model", "average"):
        for name, value in states[0][kind].items():
            assert torch.equal(value, states[1][kind][name])
    for number, moments in states[0]["optimiser"]["state"].items():
        assert torch.equal(
            moments["exp_avg_sq"], states[1]["optimiser"]["state"][number]["exp_avg_sq"]
        )


def test_a_process_alone_adds_nothing() -> None:
    vector = torch.randn(5)
    assert torch.equal(ALONE.total(vector), vector)
    assert ALONE.agreed({"a": 1}) == {"a": 1}
    assert ALONE.leads
