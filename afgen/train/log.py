"""What a run writes down as it goes: one JSON object a line and, when asked for, TensorBoard."""

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from afgen.errors import SetupError

LOG = "log.jsonl"
TENSORBOARD = "tensorboard"


class RunLog:
    """The log of one run; entries after `step` are dropped, since a resumed run repeats them."""

    def __init__(self, run_dir: Path, step: int, *, tensorboard: bool = False) -> None:
        self._path = run_dir / LOG
        _cut(self._path, step)
        self._board = _board(run_dir / TENSORBOARD, step) if tensorboard else None

    def add(self, step: int, metrics: Mapping[str, float]) -> None:
        """One line: the step and its figures. It holds no time of day: equal runs, equal logs."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step} | dict(metrics)) + "\n")
        if self._board is not None:
            for name, value in metrics.items():
                self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Nothing more will come."""
        if self._board is not None:
            self._board.close()


def read_log(run_dir: Path) -> list[dict[str, float]]:
    """All whole lines of a run's log; a line that a kill has cut off is none."""
    path = run_dir / LOG
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _cut(path: Path, step: int) -> None:
    kept = [entry for entry in read_log(path.parent) if entry["step"] <= step]
    temporary = path.with_suffix(".tmp")
    temporary.write_text("".join(json.dumps(entry) + "\n" for entry in kept), encoding="utf-8")
    temporary.replace(path)


def _board(folder: Path, step: int) -> Any:
    """TensorBoard's writer, which is not part of the core: imported only when asked for."""
    try:
        module = importlib.import_module("torch.utils.tensorboard")
    except ImportError as error:
        raise SetupError(
            f"TensorBoard cannot be written: {error}.", hint="pip install 'afgen[train]'"
        ) from error
    return module.SummaryWriter(str(folder), purge_step=step + 1)
