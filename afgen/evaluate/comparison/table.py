"""The comparison as the paper lays it out: Markdown and LaTeX tables, and all of it as JSON."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from afgen.clock import seconds_at
from afgen.evaluate.comparison.compare import Comparison, Row
from afgen.evaluate.metrics.bootstrap import Estimate
from afgen.media.files import atomic_path

UP, DOWN = "↑", "↓"
_TEX_ARROWS: Final = {UP: r"$\uparrow$", DOWN: r"$\downarrow$", "": ""}


@dataclass(frozen=True, slots=True)
class Column:
    """A column, with the figures it shows side by side, and which way is better."""

    title: str
    figures: tuple[str, ...]
    better: str = ""


def _both(title: str, stem: str, better: str = "") -> Column:
    return Column(title, (f"{stem}_exp", f"{stem}_pose"), better)


MAIN: Final = (
    _both("rPCC", "rpcc_corpus", DOWN),
    _both("SID", "sid_dim", UP),
    _both("Var", "var", UP),
    _both("FD", "fd", DOWN),
    _both("R-DGG", "rdgg", UP),
    Column("sync", ("lips",), UP),
)
MORE: Final = (
    _both("P-FD", "pfd", DOWN),
    _both("rPCC of clips", "rpcc_clips", DOWN),
    _both("SID 15/9", "sid_l2l", UP),
    _both("R-DGG given voice", "rdgg_given_voice", UP),
    Column("mouth late (frames)", ("lips_lag",)),
    Column("mouth and loudness", ("voice",)),
    Column("late (frames)", ("voice_lag",)),
    Column("blinks a minute", ("blinks",)),
    Column("jitter", ("jitter",), DOWN),
    Column("drift", ("drift",), DOWN),
)


def write_results(comparison: Comparison, folder: Path) -> None:
    """`results.json`, `table.md` and `table.tex`. Raises OutputError."""
    for name, text in (
        ("results.json", as_json(comparison)),
        ("table.md", as_markdown(comparison)),
        ("table.tex", as_latex(comparison)),
    ):
        with atomic_path(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def as_json(comparison: Comparison) -> str:
    """All of it; what could not be counted is null."""
    plain = asdict(comparison)
    for row, found in zip(plain["rows"], comparison.rows, strict=True):
        if found.latency is not None:
            row["latency"]["total_s"] = found.latency.total_s
            row["latency"]["realtime_factor"] = found.latency.realtime_factor
    return json.dumps(_finite(plain), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_markdown(comparison: Comparison) -> str:
    """The table, its intervals, what else was counted, and the differences to the first system."""
    parts = [
        _heading(comparison),
        _markdown(comparison, MAIN, _value, timed=True),
        "Intervals:\n\n" + _markdown(comparison, MAIN, _interval),
        "Besides:\n\n" + _markdown(comparison, MORE, _value),
    ]
    if len(comparison.rows) > 2:
        first = comparison.rows[1].name
        rows = [row for row in comparison.rows[2:] if row.against]
        header = ["minus " + first, *(column.title for column in (*MAIN, *MORE))]
        lines = [
            [row.name, *(_pair(row.against, column, _difference) for column in (*MAIN, *MORE))]
            for row in rows
        ]
        parts.append(
            f"Differences to {first} on the same clips; a star where the interval leaves out 0:"
            f"\n\n{_grid(header, lines)}"
        )
    return "\n\n".join(parts) + "\n"


def as_latex(comparison: Comparison) -> str:
    """One `tabular` for booktabs, the interval in small print under each figure."""
    columns = [_tex_title(column) for column in MAIN]
    width = sum(len(column.figures) for column in MAIN)
    head = " & ".join(["", "latency (s)", *columns, r"$\times$ real time"])
    second = ["", ""]
    for column in MAIN:
        second += ["exp", "pose"] if len(column.figures) == 2 else [""]
    body = [_tex_row(row) + r" \\" for row in comparison.rows]
    return "\n".join(
        [
            f"% {_heading(comparison)}",
            rf"\begin{{tabular}}{{l{'r' * (width + 2)}}}",
            r"\toprule",
            head + r" \\",
            " & ".join([*second, ""]) + r" \\",
            r"\midrule",
            *body[:1],
            r"\midrule",
            *body[1:],
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def summary(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """The table on its side, for a terminal: a column for each system, a row for each figure."""
    rows = [["latency (s)", *(_total(row) for row in comparison.rows)]]
    for column in MAIN:
        for name in column.figures:
            part = name.split("_")[-1] if len(column.figures) > 1 else ""
            title = f"{column.title} {part} {column.better}".replace("  ", " ")
            rows.append([title, *(_value(row.figures[name]) for row in comparison.rows)])
    rows.append(["x real time", *(_speed(row) for row in comparison.rows)])
    return ["", *(row.name for row in comparison.rows)], rows


def number(value: float | None) -> str:
    """Three or four digits that matter; a dash for what is not known."""
    if value is None or not math.isfinite(value):
        return "–"
    size = abs(value)
    return f"{value + 0.0:.{3 if size < 10 else 2 if size < 100 else 1}f}"


def _heading(comparison: Comparison) -> str:
    minutes = seconds_at(comparison.frames) / 60
    level = comparison.config["bootstrap"]["level"]
    return (
        f"{comparison.clips} clips of {comparison.people} people, {minutes:.1f} minutes; "
        f"intervals hold the truth in {100 * level:.0f} of 100 drawings of the people."
    )


def _markdown(
    comparison: Comparison,
    columns: Sequence[Column],
    show: Callable[[Estimate], str],
    *,
    timed: bool = False,
) -> str:
    header = ["", *(f"{column.title} {column.better}".strip() for column in columns)]
    lines = [
        [row.name, *(_pair(row.figures, column, show) for column in columns)]
        for row in comparison.rows
    ]
    if timed:
        header = [header[0], "latency (s) " + DOWN, *header[1:], "× real time " + UP]
        for line, row in zip(lines, comparison.rows, strict=True):
            line.insert(1, _latency(row))
            line.append(_speed(row))
    return _grid(header, lines)


def _grid(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = ["---", *("--:" for _ in header[1:])]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, rule, *lines))


def _pair(figures: dict[str, Estimate], column: Column, show: Callable[[Estimate], str]) -> str:
    return " / ".join(show(figures[name]) for name in column.figures)


def _value(estimate: Estimate) -> str:
    return number(estimate.value)


def _interval(estimate: Estimate) -> str:
    if estimate.low is None:
        return "–"
    return f"[{number(estimate.low)}, {number(estimate.high)}]"


def _difference(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return number(estimate.value)
    apart = estimate.low > 0 or estimate.high < 0
    return f"{number(estimate.value)} {_interval(estimate)}{'*' if apart else ''}"


def _total(row: Row) -> str:
    return "–" if row.latency is None else f"{row.latency.total_s:.2f}"


def _latency(row: Row) -> str:
    if row.latency is None:
        return "–"
    return (
        f"{row.latency.total_s:.2f} = {row.latency.window_s:.1f} + {row.latency.generation_s:.3f}"
    )


def _speed(row: Row) -> str:
    return "–" if row.latency is None else f"{row.latency.realtime_factor:.1f}"


def _tex_title(column: Column) -> str:
    title = f"{column.title} {_TEX_ARROWS[column.better]}".strip()
    return rf"\multicolumn{{{len(column.figures)}}}{{c}}{{{title}}}"


def _tex_row(row: Row) -> str:
    cells = [_tex_cell(row.figures[name]) for column in MAIN for name in column.figures]
    total = _total(row).replace("–", "--")
    return " & ".join([_tex_text(row.name), total, *cells, _speed(row).replace("–", "--")])


def _tex_cell(estimate: Estimate) -> str:
    value = number(estimate.value).replace("–", "--")
    if estimate.low is None:
        return value
    return rf"\shortstack{{{value}\\{{\scriptsize {_interval(estimate)}}}}}"


def _tex_text(text: str) -> str:
    """A name with what LaTeX would read as commands made harmless."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(
        special.get(letter, "\\" + letter if letter in "&%$#_{}" else letter) for letter in text
    )


def _finite(value: Any) -> Any:
    """The same with null in the place of every number that JSON has no form for."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
