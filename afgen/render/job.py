"""One render from files to a file: two passes, resumable, with a report beside the video."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from afgen.autoencoder.interface import MotionAutoencoder
from afgen.clock import seconds_at
from afgen.media.arguments import EncodeSettings
from afgen.media.encode import Sound, VideoWriter
from afgen.media.files import sha256_of
from afgen.media.images import load_portrait
from afgen.presets import Models, load_models
from afgen.render.ahead import ahead
from afgen.render.framing import Framing, framing_for
from afgen.render.layout import Layout, layout_for
from afgen.render.motion import generate, keep_states, kept_state
from afgen.render.output import check_output, half_made, report_of
from afgen.render.progress import Listener, Progress, silent
from afgen.render.report import Report, fingerprint, versions
from afgen.render.settings import RenderSettings, Sources
from afgen.render.stopwatch import Stopwatch, peak_memory_mb
from afgen.render.understanding import Understood, sound_of, understand_sources
from afgen.signals import Conversation, Image, MotionBlock

ENCODING = EncodeSettings()


@dataclass(frozen=True, slots=True)
class _Stage:
    """The second pass of one render: everything between a conversation and its pictures."""

    models: Models
    autoencoder: MotionAutoencoder[Any, Any]
    settings: RenderSettings
    identity: Any
    conversation: Conversation
    framing: Framing
    layout: Layout
    watch: Stopwatch

    def motion(self, parts: Path, first_frame: int) -> Iterator[MotionBlock]:
        """Generated motion from `first_frame` on, with the strengths asked for."""
        settings, models = self.settings, self.models
        blocks = generate(
            models.sampler(settings.nfe, settings.guidance_audio, settings.guidance_user),
            models.features[settings.audio_mode],
            self.conversation,
            self.autoencoder.reference_motion(self.identity),
            seed=settings.seed,
            first_frame=first_frame,
            state=kept_state(parts, first_frame),
        )
        return self.watch.each("generation", keep_states(blocks, parts, ENCODING.segment_frames))

    def pictures(self, parts: Path, first_frame: int) -> Iterator[Image]:
        """Finished pictures from `first_frame` on; motion is made in a thread of its own."""
        with closing(ahead(self.motion(parts, first_frame))) as blocks:
            avatar = self.watch.each("drawing", self._avatar(blocks))
            yield from self.layout.compose(avatar, first_frame)

    def _avatar(self, blocks: Iterator[MotionBlock]) -> Iterator[Image]:
        autoencoder, settings = self.autoencoder, self.settings
        for block in blocks:
            motion_TD = autoencoder.restyle(
                self.identity,
                block.motion_TD,
                head=settings.head,
                expression=settings.expression,
                blink=settings.blink,
            )
            for crop_HWC in autoencoder.decode(self.identity, motion_TD):
                yield self.framing.frame(autoencoder, self.identity, crop_HWC)


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
    watch = Stopwatch()
    files, replace = sources.files, force or resume
    check_output(output, force=replace, inputs=files.values())
    check_output(report_of(output), suffix=".json", force=replace)
    inputs = {role: sha256_of(path) for role, path in files.items()}
    portrait = load_portrait(sources.portrait)
    framing = framing_for(portrait, settings.size, full_frame=settings.full_frame)
    models = models or load_models(settings.preset)
    autoencoder = models.autoencoder(framing.crop_size)
    identity = autoencoder.identify(portrait)
    key = fingerprint(sources, settings, inputs, models.weights_sha256, versions())
    with threadpool_limits(1, "blas"), half_made(output, key, resume=resume) as parts:
        with watch.stage("understanding"):
            understood = understand_sources(sources, settings, autoencoder, parts, progress)
        conversation = understood.conversation
        layout = layout_for(settings.layout, framing.size, understood.user_view)
        stage = _Stage(
            models, autoencoder, settings, identity, conversation, framing, layout, watch
        )
        sound = sound_of(sources, conversation, settings)
        frames_made = _write(stage, output, key, sound, parts, progress)
    report = _report(sources, settings, models, inputs, understood, output, watch, frames_made)
    report.save(report_of(output))
    return report


def _write(
    stage: _Stage, output: Path, key: str, sound: Sound, parts: Path, progress: Listener
) -> int:
    """The second pass; returns how many frames it made, which is not all of a resumed render."""
    watch = stage.watch
    with VideoWriter(output, size=stage.layout.size, resume_key=key, settings=ENCODING) as writer:
        first = writer.first_frame
        for image_HWC in stage.pictures(parts, first):
            with watch.stage("encoding"):
                writer.write(image_HWC)
            progress(Progress("Rendering", writer.frames, stage.conversation.frames))
        with watch.stage("encoding"):
            writer.finish(sound)
        return writer.frames - first


def _report(
    sources: Sources,
    settings: RenderSettings,
    models: Models,
    inputs: dict[str, str],
    understood: Understood,
    output: Path,
    watch: Stopwatch,
    frames_made: int,
) -> Report:
    speed = {
        "duration_s": seconds_at(understood.conversation.frames),
        "total_s": watch.total_s,
        "realtime_factor": seconds_at(frames_made) / watch.total_s,
        "peak_memory_mb": peak_memory_mb(),
        **{f"{name}_s": busy_s for name, busy_s in watch.busy_s.items()},
    }
    return Report(
        sources=sources,
        settings=settings,
        inputs_sha256=inputs,
        weights_sha256=models.weights_sha256,
        weights_licence=models.licence,
        versions=versions(),
        frames=understood.conversation.frames,
        output_sha256=sha256_of(output),
        understanding=understood.summary,
        speed={name: round(value, 3) for name, value in speed.items()},
        warnings=understood.warnings,
    )
