"""What was kept of a corpus, what was left out, and why: one page to look at before training.

`report.html` needs nothing but itself: pictures and curves are inside. `report.png` shows the same
at a glance. Both show faces, so both stay with the corpus.

Shape letters: H and W pixels of a sheet.
"""

import base64
import html
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from afgen.clock import FRAME_RATE_HZ
from afgen.data.crops import THUMBNAIL_PX, from_jpeg
from afgen.data.parts import Finding, Packed
from afgen.data.quality import Gate, GateConfig, gates_of
from afgen.data.sampling import REJECTED
from afgen.media.files import atomic_path

HTML: Final = "report.html"
PNG: Final = "report.png"
_SHOWN: Final = 96  # thumbnails of what was kept, and half as many of each reason
_BINS: Final = 40
_GOOD, _BAD, _INK, _FAINT, _PAPER = "#0d8078", "#c2402c", "#1c2026", "#787e86", "#fafaf8"
_STYLE: Final = f"""
body {{ font: 15px/1.5 system-ui, sans-serif; color: {_INK}; background: {_PAPER};
  max-width: 1180px; margin: 2em auto; padding: 0 1em }}
h2 {{ margin-top: 2em }} .faint {{ color: {_FAINT} }}
table {{ border-collapse: collapse }} td, th {{ padding: .2em 1em .2em 0; text-align: left }}
figure {{ display: inline-block; margin: 0 10px 10px 0; width: 204px; font-size: 12px;
  vertical-align: top }}
figure img {{ width: 96px; height: 96px; border-radius: 4px; margin-right: 6px }}
figcaption {{ color: {_FAINT}; overflow-wrap: anywhere }}
.gates {{ display: grid; grid-template-columns: repeat(3, 1fr); gap: 18px }}
svg {{ width: 100%; height: 90px; background: #f0f1f2 }}
"""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of a measure among kept and rejected samples over common bins."""

    low: float
    high: float
    kept: tuple[int, ...]
    rejected: tuple[int, ...]

    def place(self, value: float) -> float:
        """Where a value lies, 0 left to 1 right."""
        return (value - self.low) / max(self.high - self.low, 1e-9)


def write_report(packed: Packed, gates: GateConfig, out: Path) -> None:
    """Write both files into `out`. Raises OutputError."""
    with atomic_path(out / HTML) as temporary:
        temporary.write_text(page(packed, gates_of(gates)), encoding="utf-8")
    with atomic_path(out / PNG) as temporary:
        sheet(packed, gates_of(gates)).save(temporary, "PNG")


def hours_of(found: Sequence[Finding]) -> float:
    """Length of all samples."""
    frames: int = sum(one.metadata["frames"] for one in found)
    return frames / FRAME_RATE_HZ / 3600


def histogram(packed: Packed, gate: Gate) -> Histogram | None:
    """How a gate's measure is spread; None where it was never taken."""
    values = [_values(found, gate.name) for found in (packed.kept, packed.rejected)]
    everything = np.concatenate(values)
    if not everything.size:
        return None
    low, high = np.percentile(everything, [1, 99])
    low, high = float(min(low, gate.limit)), float(max(high, gate.limit))
    margin = 0.02 * max(high - low, 1e-3)
    bounds = (low - margin if low < 0 else max(low - margin, 0.0), high + margin)
    counts = [np.histogram(one.clip(*bounds), _BINS, bounds)[0].tolist() for one in values]
    return Histogram(*bounds, tuple(counts[0]), tuple(counts[1]))


def _values(found: Sequence[Finding], name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    measured = (one.metadata["measures"] for one in found)
    return np.array([each[name] for each in measured if name in each], np.float64)


def page(packed: Packed, gates: Sequence[Gate]) -> str:
    """The whole report as HTML."""
    parts = [
        "<!doctype html><meta charset=utf-8><title>Prepared samples</title>",
        f"<style>{_STYLE}</style><h1>Prepared samples</h1>",
        _summary(packed),
        "<h2>Measures</h2><p class=faint>Green: kept. Red: left out, for this or another reason. "
        "The line is the limit.</p><div class=gates>",
        *(_gate(packed, gate) for gate in gates),
        "</div>",
        _gallery("Kept", packed.kept, _SHOWN),
        *(
            _gallery(f"Left out: {meaning}", found, _SHOWN // 2)
            for meaning, found in _by_reason(packed, gates).items()
        ),
        _recordings(packed.unusable),
    ]
    return "\n".join(parts) + "\n"


def _summary(packed: Packed) -> str:
    two = sum("user" in one.metadata["roles"] for one in packed.kept)
    licences = Counter(one.metadata.get("licence", "not stated") for one in packed.kept)
    rows = {
        "kept": f"{len(packed.kept)} samples, {hours_of(packed.kept):.2f} h, "
        f"{two} of them of two people",
        "left out": f"{len(packed.rejected)} samples, {hours_of(packed.rejected):.2f} h",
        "recordings without any sample": str(len(packed.unusable)),
        "licences of what was kept": "; ".join(
            f"{name} ({count})" for name, count in sorted(licences.items())
        ),
    }
    cells = (f"<tr><th>{_text(name)}<td>{_text(value)}" for name, value in rows.items())
    return f"<table>{''.join(cells)}</table>"


def _gate(packed: Packed, gate: Gate) -> str:
    failed = sum(gate.name in one.metadata[REJECTED] for one in packed.rejected)
    sense = "at least" if gate.at_least else "at most"
    found = histogram(packed, gate)
    drawing = _bars(found, gate) if found else "<p class=faint>never measured</p>"
    ends = f"{found.low:.2f} to {found.high:.2f}, " if found else ""
    return (
        f"<div><b>{_text(gate.meaning)}</b><br>{sense} {gate.limit:g}: {failed} left out"
        f"{drawing}<span class=faint>{ends}{_text(gate.name)}</span></div>"
    )


def _bars(found: Histogram, gate: Gate) -> str:
    """The histogram as a drawing of 100 by 50."""
    tallest = max(*(a + b for a, b in zip(found.kept, found.rejected, strict=True)), 1)
    width = 100 / _BINS
    bars = []
    for index, (good, bad) in enumerate(zip(found.kept, found.rejected, strict=True)):
        base = 50.0
        for count, colour in ((good, _GOOD), (bad, _BAD)):
            if not count:
                continue
            height = 48 * count / tallest
            base -= height
            bars.append(
                f'<rect x="{index * width:.2f}" y="{base:.2f}" width="{width * 0.9:.2f}" '
                f'height="{height:.2f}" fill="{colour}"/>'
            )
    x = 100 * found.place(gate.limit)
    line = f'<path d="M{x:.2f} 0V50" stroke="{_INK}" stroke-width=".5"/>'
    return f'<svg viewBox="0 0 100 50" preserveAspectRatio="none">{"".join(bars)}{line}</svg>'


def _by_reason(packed: Packed, gates: Sequence[Gate]) -> Mapping[str, list[Finding]]:
    """Rejected samples under every reason they were rejected for, in the gates' order."""
    found: dict[str, list[Finding]] = defaultdict(list)
    for gate in gates:
        for one in packed.rejected:
            if gate.name in one.metadata[REJECTED]:
                found[gate.meaning].append(one)
    return found


def _gallery(title: str, found: Sequence[Finding], shown: int) -> str:
    if not found:
        return ""
    few = spread(found, shown)
    more = f", {len(few)} of them shown" if len(few) < len(found) else ""
    figures = "".join(_figure(one) for one in few)
    return f"<h2>{_text(title)}</h2><p class=faint>{len(found)} samples{more}</p>{figures}"


def _figure(one: Finding) -> str:
    images = "".join(
        f'<img alt="{side}" title="{side}" src="data:image/jpeg;base64,'
        f'{base64.b64encode(data).decode()}">'
        for side, data in one.thumbnails().items()
    )
    reasons = "; ".join(one.metadata.get(REJECTED, {}).values())
    length_s = one.metadata["frames"] / FRAME_RATE_HZ
    words = _text(reasons or ", ".join(_role_words(one)))
    return (
        f"<figure>{images}<figcaption>{_text(one.key)}, {length_s:.1f} s<br>{words}"
        "</figcaption></figure>"
    )


def _role_words(one: Finding) -> list[str]:
    spoken = {role: who["speaks"] for role, who in one.metadata["people"].items()}
    return [
        f"{role}: {name}" + ("" if spoken[role] is None else f" speaks {spoken[role]:.0%}")
        for role, name in one.metadata["roles"].items()
    ]


def _recordings(unusable: Sequence[Mapping[str, str]]) -> str:
    if not unusable:
        return ""
    rows = "".join(f"<tr><td>{_text(one['file'])}<td>{_text(one['reason'])}" for one in unusable)
    return f"<h2>Recordings without any sample</h2><table>{rows}</table>"


def _text(words: str) -> str:
    return html.escape(words)


def spread(found: Sequence[Finding], shown: int) -> list[Finding]:
    """At most `shown`, evenly from the whole of it."""
    if len(found) <= shown:
        return list(found)
    return [found[index * len(found) // shown] for index in range(shown)]


def sheet(packed: Packed, gates: Sequence[Gate]) -> PillowImage.Image:
    """Thumbnails and histograms on one picture, 1480 pixels wide."""
    columns, gap = 14, 8
    step = THUMBNAIL_PX + gap
    groups = [("kept", packed.kept, 4), *_left_out(packed, gates)]
    rows = [(title, _faces(found)[: columns * most], len(found)) for title, found, most in groups]
    heights = [34 + step * -(-max(len(faces), 1) // columns) for _, faces, _ in rows]
    charts = [(gate, one) for gate in gates if (one := histogram(packed, gate)) is not None]
    chart_rows = -(-len(charts) // 3)
    picture = PillowImage.new("RGB", (1480, 60 + 130 * chart_rows + sum(heights)), _PAPER)
    draw = ImageDraw.Draw(picture)
    _write(draw, 16, 14, _headline(packed), 22)
    for index, (gate, found) in enumerate(charts):
        _chart(draw, 16 + 490 * (index % 3), 56 + 130 * (index // 3), gate, found)
    top = 60 + 130 * chart_rows
    for (title, faces, count), height in zip(rows, heights, strict=True):
        _write(draw, 16, top + 6, f"{title}: {count}", 17)
        for index, data in enumerate(faces):
            place = (16 + step * (index % columns), top + 32 + step * (index // columns))
            picture.paste(PillowImage.fromarray(from_jpeg(data)), place)
        top += height
    return picture


def _headline(packed: Packed) -> str:
    return (
        f"{len(packed.kept)} samples kept ({hours_of(packed.kept):.2f} h), "
        f"{len(packed.rejected)} left out ({hours_of(packed.rejected):.2f} h), "
        f"{len(packed.unusable)} recordings without any"
    )


def _left_out(packed: Packed, gates: Sequence[Gate]) -> list[tuple[str, list[Finding], int]]:
    reasons = _by_reason(packed, gates)
    return [(f"left out: {meaning}", found, 1) for meaning, found in reasons.items()]


def _faces(found: Sequence[Finding]) -> list[bytes]:
    return [data for one in spread(found, 56) for data in one.thumbnails().values()]


def _chart(draw: ImageDraw.ImageDraw, left: int, top: int, gate: Gate, found: Histogram) -> None:
    sense = "at least" if gate.at_least else "at most"
    _write(draw, left, top, f"{gate.meaning}, {sense} {gate.limit:g}", 14)
    tallest = max(*(a + b for a, b in zip(found.kept, found.rejected, strict=True)), 1)
    width, base = 440 / _BINS, top + 106
    draw.rectangle((left, top + 22, left + 440, base), "#f0f1f2")
    for index, (good, bad) in enumerate(zip(found.kept, found.rejected, strict=True)):
        x, y = left + index * width, float(base)
        for count, colour in ((good, _GOOD), (bad, _BAD)):
            height = 82 * count / tallest
            if count:
                draw.rectangle((x, y - height, x + width - 2, y), colour)
            y -= height
    x = left + 440 * found.place(gate.limit)
    draw.line((x, top + 22, x, base), _INK)
    _write(draw, left, base + 2, f"{found.low:.2f}", 12, _FAINT)
    _write(draw, left + 440, base + 2, f"{found.high:.2f}", 12, _FAINT, anchor="ra")


def _write(
    draw: ImageDraw.ImageDraw,
    left: float,
    top: float,
    words: str,
    size: int,
    colour: str = _INK,
    *,
    anchor: str = "la",
) -> None:
    draw.text((left, top), words, colour, ImageFont.load_default(size), anchor=anchor)
