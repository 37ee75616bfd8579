"""The comparison as pictures: every figure with its interval, and courses of one clip.

Drawn on canvases of their own, without matplotlib's global state or a display.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from afgen.clock import FRAME_RATE_HZ
from afgen.evaluate.comparison.compare import Comparison, Performed, Row
from afgen.evaluate.comparison.table import DOWN, MAIN, Column
from afgen.evaluate.face import FaceReadings, read_face
from afgen.media.files import atomic_path

_SECONDS: Final = 20.0  # of a clip that are shown
_TRUTH: Final = "0.25"
_COLOURS: Final = mpl.color_sequences["tab10"]
_COURSES: Final = (("mouth opening", "mouth_T"), ("pitch (degrees)", "pitch_T"))


def draw_figures(comparison: Comparison, path: Path) -> None:
    """A panel for every column of the table: each system's figure and interval. PNG."""
    panels = [(column, index) for column in MAIN for index in range(len(column.figures))]
    columns = 4
    rows = -(-len(panels) // columns)
    height = 0.8 + 0.28 * len(comparison.rows)
    figure = Figure(figsize=(3.1 * columns, height * rows + 0.3), layout="constrained")
    axes = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for axis, (column, index) in zip(axes, panels, strict=False):
        _panel(axis, comparison.rows, column, index)
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    axes[0].set_yticks(range(len(comparison.rows)), [row.name for row in comparison.rows])
    axes[0].invert_yaxis()
    _save(figure, path)


def draw_courses(performed: Performed, path: Path) -> None:
    """Mouth and nod of every system over the first seconds of the longest clip with a user. PNG."""
    cases = performed.cases
    with_user = [i for i, case in enumerate(cases) if case.user_motion_TD is not None]
    shown = max(with_user or range(len(cases)), key=lambda i: cases[i].frames)
    frames = min(cases[shown].frames, int(_SECONDS * FRAME_RATE_HZ))
    readings = {name: read_face(each[shown][:frames]) for name, each in performed.motions.items()}
    user_TD = cases[shown].user_motion_TD
    if user_TD is not None:
        readings = {"user": read_face(user_TD[:frames]), **readings}
    figure = Figure(figsize=(12, 1.0 + 1.1 * len(readings)), layout="constrained")
    axes = figure.subplots(len(readings), len(_COURSES), sharex=True, sharey="col", squeeze=False)
    for row, (name, reading) in zip(axes, readings.items(), strict=True):
        _courses(row, name, reading)
    for axis, (title, _) in zip(axes[0], _COURSES, strict=True):
        axis.set_title(title, fontsize=9)
    for axis in axes[-1]:
        axis.set_xlabel(f"s of {cases[shown].key}", fontsize=8)
    _save(figure, path)


def _panel(axis: Axes, rows: Sequence[Row], column: Column, index: int) -> None:
    part = ("exp", "pose")[index] if len(column.figures) == 2 else ""
    axis.set_title(f"{column.title} {part} {column.better}".replace("  ", " "), fontsize=9)
    truth = rows[0].figures[column.figures[index]].value
    if np.isfinite(truth):
        axis.axvline(truth, color=_TRUTH, linewidth=0.8, linestyle=":")
    for place, row in enumerate(rows):
        estimate = row.figures[column.figures[index]]
        colour = _TRUTH if row.fingerprint is None else _COLOURS[(place - 1) % len(_COLOURS)]
        if estimate.low is not None and estimate.high is not None:
            axis.plot([estimate.low, estimate.high], [place, place], color=colour, linewidth=2)
        if np.isfinite(estimate.value):
            axis.plot(estimate.value, place, "o", color=colour, markersize=4)
    axis.set_ylim(-0.6, len(rows) - 0.4)
    if not any(np.isfinite(row.figures[column.figures[index]].value) for row in rows):
        axis.text(0.5, 0.5, "nothing to count", transform=axis.transAxes, ha="center", fontsize=8)
        axis.set_xticks([])
    elif column.better == DOWN:
        axis.set_xlim(left=-0.02 * axis.get_xlim()[1])
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)


def _courses(row: Sequence[Axes], name: str, reading: FaceReadings) -> None:
    for axis, (_, field) in zip(row, _COURSES, strict=True):
        course_T = getattr(reading, field)
        axis.plot(np.arange(len(course_T)) / FRAME_RATE_HZ, course_T, color=_TRUTH, linewidth=0.9)
        axis.tick_params(labelsize=7)
        axis.spines[["top", "right"]].set_visible(False)
    row[0].set_ylabel(name, fontsize=8, rotation=0, ha="right", va="center")


def _save(figure: Figure, path: Path) -> None:
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
