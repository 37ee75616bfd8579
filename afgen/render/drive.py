"""Reenactment: a portrait does what the face in a video does."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from afgen.autoencoder.interface import MotionAutoencoder
from afgen.errors import NoPersonError
from afgen.media.decode import decode_video
from afgen.media.encode import SoundFile, VideoWriter
from afgen.media.images import load_portrait
from afgen.media.probe import probe
from afgen.presets import load_models
from afgen.render.framing import framing_for
from afgen.render.output import check_output
from afgen.render.progress import Listener, Progress, silent
from afgen.signals import FaceView, Floats, Image
from afgen.tracks.follow import FollowConfig, follow

PATIENCE_FRAMES = 250  # without any face at the start: then this is no video of a face


def drive(
    portrait_file: Path,
    video: Path,
    output: Path,
    *,
    preset: str = "portrait",
    device: str = "auto",
    size: int = 512,
    full_frame: bool = False,
    force: bool = False,
    progress: Listener = silent,
) -> None:
    """Write an mp4 of the portrait moved by the first face seen in `video`, with its sound.

    Raises InputError, OutputError, WeightsError and their kinds.
    """
    check_output(output, force=force, inputs=(portrait_file, video))
    portrait = load_portrait(portrait_file)
    info = probe(video)
    info.require_video()
    framing = framing_for(portrait, size, full_frame=full_frame)
    autoencoder = load_models(preset, device).autoencoder(framing.crop_size)
    identity = autoencoder.identify(portrait)
    with threadpool_limits(1, "blas"), VideoWriter(output, size=framing.size) as writer:
        for image_HWC in reenact(autoencoder, identity, decode_video(video, info=info)):
            writer.write(framing.frame(autoencoder, identity, image_HWC))
            progress(Progress("Driving", writer.frames, info.frames))
        writer.finish([SoundFile(info)] if info.audio is not None else None)


def reenact(
    autoencoder: MotionAutoencoder[Any, Any], identity: Any, frames: Iterable[Image]
) -> Iterator[Image]:
    """One crop per frame of video, moved relative to the driving person's own rest and neutral.

    Where the face is out of sight the portrait keeps its last motion. Raises NoPersonError when no
    face is found in the beginning of the video.
    """
    for motion_D in face_motion(autoencoder, frames):
        yield from autoencoder.decode(identity, motion_D[None])


def face_motion(
    autoencoder: MotionAutoencoder[Any, Any], frames: Iterable[Image]
) -> Iterator[Floats]:
    """Motion (D,) of the first face seen, frame by frame, from the past only."""
    state = None
    motion_D = np.zeros(autoencoder.motion_dim, np.float32)
    waiting = 0
    for view in _one_person(frames):
        if view is not None:
            motion_D, state = autoencoder.encode(view, state)
        waiting += state is None
        if waiting >= PATIENCE_FRAMES:
            raise _faceless()
        yield motion_D
    if state is None:
        raise _faceless()


def _faceless() -> NoPersonError:
    return NoPersonError(
        "The driving video shows no face in its first ten seconds.",
        hint="Use a video in which one face is clearly visible from the start.",
    )


def _one_person(frames: Iterable[Image]) -> Iterator[FaceView | None]:
    """The first person's view in each frame, or None."""
    first: int | None = None
    for views in follow(frames, FollowConfig(people=1)):
        if first is None and views:
            first = min(views)
        yield views.get(first) if first is not None else None
