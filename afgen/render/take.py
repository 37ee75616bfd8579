"""One render that is understood and ready to be performed, and the report when it is done."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from afgen.autoencoder.interface import MotionAutoencoder
from afgen.clock import SAMPLES_PER_FRAME, seconds_at
from afgen.errors import NoPersonError
from afgen.generator.state import StreamState
from afgen.media.encode import VideoWriter
from afgen.media.files import sha256_of
from afgen.media.images import load_portrait
from afgen.media.parts import parts_key
from afgen.presets import Models, load_models
from afgen.render.framing import Framing, framing_for
from afgen.render.kept import ENCODING, kept_state
from afgen.render.layout import Compose, layout_for
from afgen.render.output import check_output, half_made, report_of
from afgen.render.possible import require_possible
from afgen.render.progress import Listener, silent
from afgen.render.report import Report, fingerprint, versions
from afgen.render.settings import RenderSettings, Sources
from afgen.render.stopwatch import Stopwatch, peak_memory_mb
from afgen.render.understanding import Understood, sound_of, understand_sources
from afgen.signals import Conversation, Image, MotionBlock, Track


@dataclass(frozen=True, slots=True)
class Order:
    """A render that is asked for.

    `resume` goes on with what an interrupted run has left, and None does so where that is of this
    very render. `force` replaces an existing video. In a batch, `listener` is told how far this
    render is, and an AfgenError that it raises ends this one alone.
    """

    sources: Sources
    settings: RenderSettings
    output: Path
    resume: bool | None = False
    force: bool = False
    listener: Listener = silent


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """Everything the second pass of one render needs; made by `prepared`, ended by `finish`."""

    order: Order
    models: Models
    inputs_sha256: dict[str, str]
    autoencoder: MotionAutoencoder[Any, Any]
    identity: Any
    understood: Understood
    played: Conversation  # with nothing in it that is not to be heard or seen
    framing: Framing
    compose: Compose
    parts: Path
    writer: VideoWriter
    first_frame: int
    state: StreamState | None  # from which an interrupted run goes on
    watch: Stopwatch
    dropped: Event = field(default_factory=Event)

    @property
    def frames(self) -> int:
        """Frames of the finished video."""
        return self.played.frames

    def pictures(self, block: MotionBlock) -> Iterator[Image]:
        """The avatar's pictures of a block, with the strengths asked for."""
        settings = self.order.settings
        motion_TD = self.autoencoder.restyle(
            self.identity,
            block.motion_TD,
            head=settings.head,
            expression=settings.expression,
            blink=settings.blink,
        )
        for crop_HWC in self.autoencoder.decode(self.identity, motion_TD):
            yield self.framing.frame(self.autoencoder, self.identity, crop_HWC)

    def write(self, avatar_HWC: Image) -> None:
        """Append a picture to the video. Raises OutputError."""
        image_HWC = self.compose(avatar_HWC)
        with self.watch.stage("encoding"):
            self.writer.write(image_HWC)

    def finish(self, *, rows: int = 1) -> Report:
        """Add the sound, name the video and write its report. Raises OutputError, MediaError."""
        conversation = self.understood.conversation
        with self.watch.stage("encoding"):
            self.writer.finish(sound_of(self.order.sources, conversation, self.order.settings))
        report = _report(self, rows)
        report.save(report_of(self.order.output))
        return report


@contextmanager
def prepared(order: Order, progress: Listener, models: Models | None = None) -> Iterator[Take]:
    """The first pass: checks, identity, understanding. Leaving it drops what is not finished.

    `models` are those of the preset, where they are loaded already. Raises InputError, OutputError,
    WeightsError and their kinds.
    """
    watch, settings, output = Stopwatch(), order.settings, order.output
    require_possible(settings)
    replaces = order.force or bool(order.resume)
    check_output(output, force=replaces, inputs=order.sources.files.values())
    check_output(report_of(output), suffix=".json", force=replaces)
    inputs = {role: sha256_of(path) for role, path in order.sources.files.items()}
    portrait = load_portrait(order.sources.portrait)
    framing = framing_for(portrait, settings.size, full_frame=settings.full_frame)
    models = models or load_models(settings.preset, settings.device)
    autoencoder = models.autoencoder(framing.crop_size)
    identity = autoencoder.identify(portrait)
    key = fingerprint_of(order, inputs, models)
    resume = parts_key(output) == key if order.resume is None else order.resume
    with half_made(output, key, resume=resume) as parts:
        with watch.stage("understanding"):
            understood = understand_sources(order.sources, settings, autoencoder, parts, progress)
        played = part_played(understood.conversation, settings.only)
        layout = layout_for(settings.layout, framing.size, understood.user_view)
        with (
            VideoWriter(output, size=layout.size, resume_key=key, settings=ENCODING) as writer,
            layout.composing(writer.first_frame) as compose,
        ):
            first = writer.first_frame
            yield Take(
                order, models, inputs, autoencoder, identity, understood, played, framing, compose,
                parts, writer, first, kept_state(parts, first), watch,
            )  # fmt: skip


def fingerprint_of(order: Order, inputs_sha256: dict[str, str], models: Models) -> str:
    """What tells this render from all others: only work of the same one is gone on with.

    It knows the inputs by their bytes, so that the work can go on in another place.
    """
    return fingerprint(
        {"avatar": order.sources.avatar},
        order.settings,
        inputs_sha256,
        models.weights_sha256,
        versions(),
        models.computed_on,
    )


def part_played(conversation: Conversation, only: str | None) -> Conversation:
    """The conversation less what is not to count. Raises NoPersonError where nothing is left.

    An avatar without a voice hears itself silent: to an unknown voice, which it may be talking
    with unheard, it would move its lips.
    """
    avatar, user = conversation.avatar, conversation.user
    if only == "talking":
        if avatar.audio_S is None:
            raise NoPersonError("The avatar has no voice to talk with.", hint="Leave --only out.")
        return replace(conversation, user=Track())
    if only == "listening" and user.audio_S is None and user.motion_TD is None:
        raise NoPersonError("There is no user to listen to.", hint="Leave --only out.")
    if only == "listening" or avatar.audio_S is None:
        silence_S = np.zeros(conversation.frames * SAMPLES_PER_FRAME, np.int16)
        return replace(conversation, avatar=replace(avatar, audio_S=silence_S))
    return conversation


def _report(take: Take, rows: int) -> Report:
    order, watch, models = take.order, take.watch, take.models
    made = take.writer.frames - take.first_frame  # not all of a resumed render
    speed = {
        "duration_s": seconds_at(take.frames),
        "total_s": watch.total_s,
        "realtime_factor": seconds_at(made) / watch.total_s,
        "peak_memory_mb": peak_memory_mb(),
        **{f"{name}_s": busy_s for name, busy_s in watch.busy_s.items()},
    }
    return Report(
        sources=order.sources,
        settings=order.settings,
        inputs_sha256=take.inputs_sha256,
        weights_sha256=models.weights_sha256,
        weights_licence=models.licence,
        weights_notice=models.notice,
        versions=versions(),
        computed_on=models.computed_on,
        rows=rows,
        frames=take.frames,
        output_sha256=sha256_of(order.output),
        understanding=take.understood.summary,
        speed={name: round(value, 3) for name, value in speed.items()},
        warnings=take.understood.warnings,
    )
