"""How fast a render is from file to file, and where its time and memory go.

The recording is made on the spot: two people side by side in 720p, one voice a channel, as long as
wanted. Both faces move, so tracking has its usual work.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from afgen.clock import SAMPLES_PER_FRAME, frames_in
from afgen.errors import InternalError
from afgen.evaluate.speed.roofline import Target
from afgen.media.decode import decode_audio, decode_video
from afgen.media.encode import encode_video
from afgen.media.images import load_portrait
from afgen.media.probe import probe
from afgen.presets import Models, load_models
from afgen.render.batch import render_rows
from afgen.render.job import render
from afgen.render.progress import Listener, silent
from afgen.render.report import Report
from afgen.render.settings import RenderSettings, Sources
from afgen.render.stopwatch import Stopwatch
from afgen.render.take import Order
from afgen.signals import Floats, Image
from afgen.tracks.side import AvatarSide

WIDTH, HEIGHT = 1280, 720
STAGES = ("understanding", "generation", "drawing", "encoding")


@dataclass(frozen=True, slots=True)
class RenderFigures:
    """Figures of one render, or of several as rows. `busy_s` of stages at the same time overlap."""

    rows: int
    duration_s: float  # of all rows together
    total_s: float
    realtime_factor: float
    frames_per_s: float
    peak_memory_mb: float
    busy_s: dict[str, float]


def bench_render(
    portrait: Path,
    friend: Path,
    *,
    seconds: float = 60.0,
    recording: Path | None = None,
    settings: RenderSettings | None = None,
    models: Models | None = None,
    rows: int = 1,
    progress: Listener = silent,
) -> RenderFigures:
    """Render `seconds` of a conversation, `rows` times side by side, and tell what it took.

    Without a `recording`, one is composed of the video `friend`, who talks on the left, and
    `portrait` on the right. Raises as `render`.
    """
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        if recording is None:
            recording = work / "conversation.mp4"
            compose_conversation(friend, portrait, recording, seconds)
        sources = Sources(portrait=portrait, conversation=recording, avatar=AvatarSide.RIGHT)
        asked = settings or RenderSettings()
        wanted = asked.model_copy(update={"end_s": asked.start_s + seconds})
        orders = [
            Order(sources, wanted.model_copy(update={"seed": seed}), work / f"{seed}.mp4")
            for seed in range(rows)
        ]
        watch = Stopwatch()
        reports = list(_rendered(orders, wanted, models, progress))
        return _figures(reports, watch.total_s)


def _rendered(
    orders: list[Order], settings: RenderSettings, models: Models | None, progress: Listener
) -> Iterator[Report]:
    """One order as `afgen render` has it, several as `afgen render-all`."""
    if len(orders) == 1:
        (one,) = orders
        yield render(one.sources, one.settings, one.output, progress=progress, models=models)
        return
    models = models or load_models(settings.preset, settings.device)
    for outcome in render_rows(orders, models, settings, rows=len(orders), progress=progress):
        if outcome.report is None:
            raise outcome.error or InternalError("a render ended without a report")
        yield outcome.report


def _figures(reports: list[Report], total_s: float) -> RenderFigures:
    duration_s = sum(report.speed["duration_s"] for report in reports)
    return RenderFigures(
        rows=len(reports),
        duration_s=duration_s,
        total_s=total_s,
        realtime_factor=duration_s / total_s,
        frames_per_s=sum(report.frames for report in reports) / total_s,
        peak_memory_mb=max(report.speed["peak_memory_mb"] for report in reports),
        busy_s={stage: sum(report.speed[f"{stage}_s"] for report in reports) for stage in STAGES},
    )


def render_targets(figures: RenderFigures) -> list[Target]:
    """What one H100-class GPU is to reach at 512 px and 10 evaluations, from file to file."""
    reached = figures.frames_per_s
    return [Target("end to end", ">= 250 frames/s", f"{reached:.0f} frames/s", reached >= 250)]


def compose_conversation(friend: Path, portrait: Path, output: Path, seconds: float) -> None:
    """Write a 720p video of two people: `friend` over and over, and `portrait` swaying."""
    frames = frames_in(seconds)
    still_HWC = load_portrait(portrait).image_HWC
    pictures = _side_by_side(_over_and_over(friend), still_HWC, frames)
    voice_S = decode_audio(friend, info=probe(friend)).mean(axis=0)
    sound_2S = _turns(voice_S, frames * SAMPLES_PER_FRAME)
    encode_video(pictures, output, size=(WIDTH, HEIGHT), sound=sound_2S)


def _side_by_side(friend: Iterator[Image], still_HWC: Image, frames: int) -> Iterator[Image]:
    half = (WIDTH // 2, HEIGHT)
    for frame in range(frames):
        left = cv2.resize(next(friend), half, interpolation=cv2.INTER_LINEAR)
        yield np.hstack([left, _swaying(still_HWC, half, frame)])


def _swaying(still_HWC: Image, size: tuple[int, int], frame: int) -> Image:
    """The portrait, covering `size`, a little turned and shifted as the frames go by."""
    height, width = still_HWC.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    sway = float(np.sin(frame / 9.0))
    turn_23 = cv2.getRotationMatrix2D((width / 2, height / 2), 2.0 * sway, scale)
    to_23 = np.asarray(turn_23, np.float64)
    to_23[:, 2] += np.array([(size[0] - width) / 2 + 6.0 * sway, (size[1] - height) / 2])
    swayed = cv2.warpAffine(still_HWC, to_23, size, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(swayed, np.uint8)


def _over_and_over(video: Path) -> Iterator[Image]:
    while True:
        yield from decode_video(video)


def _turns(voice_S: Floats, samples: int) -> Floats:
    """Two channels (2, S): the voice on the left, and later the same on the right."""
    left_S = np.resize(voice_S, samples)
    right_S = np.roll(left_S, samples // 3)
    return np.stack([left_S, right_S]).astype(np.float32)
