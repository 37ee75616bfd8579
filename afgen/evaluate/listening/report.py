"""Listeners side by side: the table, the same as JSON, and a picture."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from itertools import cycle
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from afgen.data.listeners.answers import Cue
from afgen.evaluate.comparison.table import number
from afgen.evaluate.listening.listeners import BANDS_HZ, FEW, Listeners
from afgen.evaluate.metrics.bootstrap import Estimate
from afgen.media.files import atomic_path

_COLOURS: Final = ("tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple")
_DEPTHS: Final = [1.5 + degrees for degrees in range(11)]
TITLES: Final = {
    "people": "people",
    "seconds": "seconds of listening",
    "nods": "nods counted",
    "nods_a_minute": "nods a minute",
    "nod_depth_deg": "depth of a nod (degrees)",
    "nod_length_s": "length of a nod (s)",
    "nod_cycles": "cycles of a nod",
    "blinks_a_minute": "blinks a minute",
    "smiles_a_minute": "smiles that begin a minute",
    "head_speed_deg_s": "speed of the head (degrees/s, r.m.s.)",
    **{f"head_{low}_{high}_hz": f"share of it at {low}–{high} Hz" for low, high in BANDS_HZ},
    "head_spread_deg": "way of the head in 3 s (degrees, s.d.)",
    "gaze_spread": "way of the gaze in 3 s (of its range, s.d.)",
    "smile_spread": "way of the smile in 3 s (of a full one, s.d.)",
    "cues_pause": "pauses of the other counted",
    "pause_lift": "nods after a pause, of the usual rate",
    "pause_delay_s": "their delay (s)",
    "cues_low_pitch": "low pitches of the other counted",
    "low_pitch_lift": "nods after low pitch, of the usual rate",
    "low_pitch_delay_s": "their delay (s)",
    "heads_r": "slow motion of both heads, correlation",
    "heads_r_others": "the same with another's partner",
    "heads_lag_s": "its lag (s)",
    "smiles_r": "smiles of both, correlation",
    "smiles_r_others": "the same with another's partner",
    "smiles_lag_s": "its lag (s)",
}


def table(columns: Sequence[Listeners]) -> tuple[list[str], list[list[str]]]:
    """Header and rows: a figure with its interval, a dash where there was too little to count."""
    rows = []
    for name, title in TITLES.items():
        cells = [
            _told(one.estimates[name]) if name in one.estimates else f"{one.counts[name]:.0f}"
            for one in columns
        ]
        rows.append([title, *cells])
    return ["", *(one.name for one in columns)], rows


def as_json(columns: Sequence[Listeners]) -> str:
    """Everything in the table, null for a dash; a list, in the table's order."""
    told = [
        {
            "name": one.name,
            **one.counts,
            **{name: _plain(estimate) for name, estimate in one.estimates.items()},
        }
        for one in columns
    ]
    return json.dumps(told, indent=2, allow_nan=False)


def draw_listeners(columns: Sequence[Listeners], path: Path) -> None:
    """Frequencies of the head, nods around what invites them, and courses of both people. PNG."""
    figure = Figure(figsize=(11, 6), layout="constrained")
    axes = figure.subplots(2, 3).ravel()
    for one, colour in zip(columns, cycle(_COLOURS), strict=False):
        _draw(axes, one, colour)
    titles = (
        ("speed of the head", "Hz", "share a Hz"),
        ("depth of nods", "degrees", "share a degree"),
        ("nods around a pause of the other", "s after 240 ms of silence", "nods a minute"),
        ("nods around low pitch of the other", "s after 110 ms of low pitch", "nods a minute"),
        ("slow motion of both heads", "lag behind the other, s", "correlation"),
        ("smiles of both", "lag behind the other, s", "correlation"),
    )
    for axis, (title, across, up) in zip(axes, titles, strict=True):
        axis.set_title(title, fontsize=9)
        axis.set_xlabel(across, fontsize=8)
        axis.set_ylabel(up, fontsize=8)
        axis.tick_params(labelsize=7)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_xlim(0, 8)
    figure.legend(loc="outside lower center", ncols=len(columns), fontsize=8, frameon=False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)


def _draw(axes: Sequence[Axes], one: Listeners, colour: str) -> None:
    label = f"{one.name}: {one.people} people, {60 * one.minutes:.0f} s"
    axes[0].plot(*one.spectrum_F, color=colour, label=label)
    depths = [nod.depth_deg for listener in one.listeners for nod in listener.nods]
    if depths:
        axes[1].hist(depths, _DEPTHS, density=True, histtype="step", color=colour)
    for axis, cue in ((axes[2], Cue.PAUSE), (axes[3], Cue.LOW_PITCH)):
        if one.counts[f"cues_{cue.value}"] >= FEW:
            axis.step(*one.around[cue], where="mid", color=colour)
    for axis, courses in ((axes[4], one.heads), (axes[5], one.smiles)):
        axis.axvline(0, color="0.8", linewidth=0.8)
        axis.plot(courses.lags_s, courses.at(np.ones(len(courses.powers_CL))), color=colour)


def _told(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None or not math.isfinite(estimate.value):
        return number(estimate.value)
    return f"{number(estimate.value)} [{number(estimate.low)}, {number(estimate.high)}]"


def _plain(estimate: Estimate) -> dict[str, float | None]:
    return {
        name: value if value is not None and math.isfinite(value) else None
        for name, value in asdict(estimate).items()
    }
