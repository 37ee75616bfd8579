"""The checkpoints of a run: written whole or not at all, the last few and the best one kept."""

import os
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Final

import torch
from torch import Tensor

from afgen.errors import WeightsDamagedError, WeightsMissingError

FOLDER: Final = "checkpoints"
BEST: Final = "best.pt"


def write_checkpoint(run_dir: Path, step: int, state: Mapping[str, Any], *, keep: int) -> Path:
    """Write the state after `step` and remove all but the last `keep`.

    It reaches the disk before it gets its name, so a kill or a power cut at any moment leaves the
    earlier ones whole.
    """
    path = run_dir / FOLDER / f"step-{step:08d}.pt"
    _write(path, state)
    for old in written(run_dir)[:-keep]:
        old.unlink()
    return path


def write_best(run_dir: Path, state: Mapping[str, Any]) -> Path:
    """Write the state that evaluates best so far, in place of the one before."""
    _write(run_dir / BEST, state)
    return run_dir / BEST


def written(run_dir: Path) -> list[Path]:
    """The checkpoints of a run, oldest first."""
    return sorted((run_dir / FOLDER).glob("step-*.pt"))


def last_checkpoint(run_dir: Path) -> Path:
    """Raises WeightsMissingError where a run has none yet."""
    paths = written(run_dir)
    if not paths:
        raise WeightsMissingError(f"there is no checkpoint in {run_dir}")
    return paths[-1]


def chosen_checkpoint(run_dir: Path) -> Path:
    """The one to use: the best where the run has evaluated, else the last."""
    return run_dir / BEST if (run_dir / BEST).exists() else last_checkpoint(run_dir)


def averaged(run_dir: Path, player: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A player's averaged weights, of the best checkpoint or else the last, and their provenance.

    Raises WeightsMissingError, WeightsDamagedError.
    """
    state = read_checkpoint(chosen_checkpoint(run_dir))
    provenance = {**state["provenance"], "steps": int(state["step"])}
    return state["players"][player]["average"], provenance


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A state as it was written, on the CPU. Raises WeightsDamagedError."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, UnpicklingError, EOFError, ValueError) as error:
        raise WeightsDamagedError(f"{path} is not a checkpoint of a run: {error}") from error
    if not isinstance(state, dict) or "players" not in state:
        raise WeightsDamagedError(f"{path} is not a checkpoint of a run")
    return state


def _write(path: Path, state: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        torch.save(dict(state), file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
