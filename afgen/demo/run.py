"""`afgen demo`: a portrait listens to a friend's story, and answers."""

import tempfile
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from skimage import data

from afgen.evaluate.pictures.sheets import sheet_of_video
from afgen.evaluate.speed.rendering import RenderFigures, bench_render
from afgen.media.files import writing
from afgen.media.images import save_png
from afgen.presets import Models
from afgen.render.job import render
from afgen.render.progress import Listener, silent
from afgen.render.settings import RenderSettings, Sources
from afgen.render.understanding import inspect
from afgen.signals import Portrait

ASSETS = files("afgen.demo") / "assets"


@dataclass(frozen=True, slots=True)
class Made:
    """Where the demo's results are."""

    video: Path
    sheet: Path
    timeline: Path


def demo(folder: Path, *, progress: Listener = silent) -> Made:
    """Render the demo conversation into `folder`. Raises as `render`."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    made = Made(folder / "demo.mp4", folder / "demo-sheet.png", folder / "demo-timeline.png")
    portrait = folder / "portrait.png"
    save_png(np.asarray(data.astronaut(), np.uint8), portrait)
    with as_file(ASSETS / "user.mp4") as user, as_file(ASSETS / "avatar.wav") as voice:
        sources = Sources(portrait=portrait, user_video=user, avatar_audio=voice)
        settings = RenderSettings(layout="side-by-side")
        render(sources, settings, made.video, force=True, progress=progress)
        inspect(sources, made.timeline, progress=progress)
    save_png(sheet_of_video(made.video), made.sheet)
    return made


def demo_portrait() -> Portrait:
    """The portrait of the demo."""
    return Portrait(np.asarray(data.astronaut(), np.uint8), sha256="", name="portrait")


def bench_demo(
    seconds: float,
    *,
    portrait: Path | None = None,
    recording: Path | None = None,
    settings: RenderSettings | None = None,
    models: Models | None = None,
    rows: int = 1,
    progress: Listener = silent,
) -> RenderFigures:
    """`bench_render` on the demo's own material where nothing else is given."""
    with tempfile.TemporaryDirectory() as place, as_file(ASSETS / "user.mp4") as friend:
        if portrait is None:
            portrait = Path(place) / "portrait.png"
            save_png(np.asarray(data.astronaut(), np.uint8), portrait)
        return bench_render(
            portrait,
            friend,
            seconds=seconds,
            recording=recording,
            settings=settings,
            models=models,
            rows=rows,
            progress=progress,
        )
