"""A whole list of renders into a folder, with a record of what became of each."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from afgen.media.files import atomic_path, writing
from afgen.presets import Models, load_models
from afgen.render.batch import Outcome, render_rows
from afgen.render.lists import RECORD, Item
from afgen.render.output import report_of
from afgen.render.progress import Listener, silent
from afgen.render.take import Order

RESULTS = f"{RECORD}.json"
CORES_A_READER = 4  # of the machine's: the others draw and encode


class Failure(BaseModel):
    """Why a render was not made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    message: str
    hint: str


class Result(BaseModel):
    """What became of one item. Files are named as they lie in the folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    status: Literal["done", "skipped", "failed"]
    video: str | None = None
    report: str | None = None
    output_sha256: str | None = None
    frames: int | None = None
    error: Failure | None = None


class Results(BaseModel):
    """What became of a list: one entry for each item that has ended, in the order of the list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    items: list[Result]

    @property
    def failed(self) -> list[Result]:
        """Those that were not made."""
        return [item for item in self.items if item.status == "failed"]

    def save(self, path: Path) -> None:
        """Write as indented JSON, whole or not at all. Raises OutputError."""
        with atomic_path(path) as temporary:
            temporary.write_text(self.model_dump_json(indent=2, exclude_none=True) + "\n", "utf-8")


def render_all(
    items: Iterable[Item],
    folder: Path,
    *,
    rows: int = 1,
    force: bool = False,
    progress: Listener = silent,
    tell: Callable[[Result], None] = lambda result: None,
) -> Results:
    """Render all items into `folder`, those of the same sampling settings up to `rows` at once.

    What is finished already is skipped and what is half-made is gone on with, so the same call
    again does only what is left; an existing video that is another one is replaced with `force`
    alone. An item that fails is told of and the others go on. `results.json` is up to date after
    each. Raises OutputError for the folder, OptionError and WeightsError for a preset.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    place: dict[Path, int] = {}
    alike: dict[tuple[object, ...], list[Order]] = {}
    for number, item in enumerate(items):
        order = Order(item.sources, item.settings, folder / f"{item.name}.mp4", None, force)
        place[order.output] = number
        alike.setdefault(item.settings.sampling, []).append(order)
    ended: dict[int, Result] = {}
    for outcome in _outcomes(alike.values(), rows, progress):
        result = _result(outcome)
        ended[place[outcome.order.output]] = result
        _in_order(ended).save(folder / RESULTS)
        tell(result)
    return _in_order(ended)


def _outcomes(batches: Iterable[list[Order]], rows: int, progress: Listener) -> Iterator[Outcome]:
    """Batch after batch; models are loaded once for all that use them."""
    loaded: dict[tuple[str, str], Models] = {}
    for orders in batches:
        settings = orders[0].settings
        key = settings.preset, settings.device
        if key not in loaded:
            loaded[key] = load_models(*key)
        readers = min(rows, max(1, (os.cpu_count() or 1) // CORES_A_READER))
        yield from render_rows(
            orders, loaded[key], settings, rows=rows, readers=readers, progress=progress
        )


def _in_order(ended: dict[int, Result]) -> Results:
    return Results(items=[ended[number] for number in sorted(ended)])


def _result(outcome: Outcome) -> Result:
    video, error, report = outcome.order.output, outcome.error, outcome.report
    if error is not None:
        failure = Failure(code=error.code, message=error.message, hint=error.advice)
        return Result(name=video.stem, status="failed", error=failure)
    return Result(
        name=video.stem,
        status="skipped" if outcome.skipped else "done",
        video=video.name,
        report=report_of(video).name,
        output_sha256=None if report is None else report.output_sha256,
        frames=None if report is None else report.frames,
    )
