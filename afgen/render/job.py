"""One render from files to a file: two passes, resumable, with a report beside the video."""

from contextlib import closing
from pathlib import Path

from threadpoolctl import threadpool_limits

from afgen.errors import AfgenError
from afgen.presets import Models
from afgen.render.pictures import film, torch_threads
from afgen.render.progress import Listener, Progress, silent
from afgen.render.report import Report
from afgen.render.settings import RenderSettings, Sources
from afgen.render.take import Order, Take, prepared


def render(
    sources: Sources,
    settings: RenderSettings,
    output: Path,
    *,
    resume: bool = False,
    force: bool = False,
    progress: Listener = silent,
    models: Models | None = None,
) -> Report:
    """Render `sources` to the mp4 `output` and write its report beside it.

    With `resume`, what an interrupted run left is taken up, and the bytes are those of an
    uninterrupted one. `models` are those of the preset, where they are loaded already. Raises
    InputError, OutputError, WeightsError and their kinds.
    """
    order = Order(sources, settings, output, resume, force)
    with threadpool_limits(1, "blas"), prepared(order, progress, models) as take:
        with torch_threads(take.models):
            _shoot(take, progress)
        return take.finish()


def _shoot(take: Take, progress: Listener) -> None:
    """Write all pictures of a take."""
    with closing(film([take], take.models, take.order.settings)) as pictures:
        for _, picture in pictures:
            if isinstance(picture, AfgenError):
                raise picture
            if picture is not None:
                take.write(picture)
                progress(Progress("Rendering", take.writer.frames, take.frames))
