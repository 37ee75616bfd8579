import importlib
from pathlib import Path
from types import ModuleType

import pytest

from afgen.errors import SetupError
from afgen.train.log import TENSORBOARD, RunLog, read_log


def test_entries_after_the_step_gone_on_from_are_dropped(tmp_path: Path) -> None:
    log = RunLog(tmp_path, 0)
    for step in (1, 2, 3):
        log.add(step, {"loss": 1 / step})
    again = RunLog(tmp_path, 2)
    again.add(3, {"loss": 7.0})
    assert read_log(tmp_path) == [
        {"step": 1, "loss": 1.0},
        {"step": 2, "loss": 0.5},
        {"step": 3, "loss": 7.0},
    ]


def test_tensorboard_gets_the_same_figures(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra `train` is not installed")
    reader = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
    log = RunLog(tmp_path, 0, tensorboard=True)
    for step in (1, 2):
        log.add(step, {"loss": 0.5 * step})
    log.close()
    events = reader.EventAccumulator(str(tmp_path / TENSORBOARD))
    events.Reload()
    assert [(one.step, one.value) for one in events.Scalars("loss")] == [(1, 0.5), (2, 1.0)]


def test_without_tensorboard_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> ModuleType:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(SetupError) as caught:
        RunLog(tmp_path, 0, tensorboard=True)
    assert "afgen[train]" in caught.value.advice
    RunLog(tmp_path, 0).add(1, {"loss": 1.0})  # the loop works without
