"""Reenactment: a portrait does what the face in a video does."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from afgen.autoencoder.mesh.decode import MeshAutoencoder
from afgen.autoencoder.mesh.encode import EncoderState
from afgen.autoencoder.mesh.identity import MeshIdentity
from afgen.errors import NoPersonError
from afgen.media.decode import decode_video
from afgen.media.encode import SoundFile, VideoWriter
from afgen.media.images import load_portrait
from afgen.media.probe import probe
from afgen.render.output import check_output
from afgen.render.progress import Listener, Progress, silent
from afgen.signals import FaceView, Floats, Image
from afgen.tracks.follow import FollowConfig, follow
from afgen.tracks.landmarks import landmarks_of_portrait

PATIENCE_FRAMES = 250  # without any face at the start: then this is no video of a face


def drive(
    portrait: Path,
    video: Path,
    output: Path,
    *,
    size: int = 512,
    full_frame: bool = False,
    progress: Listener = silent,
) -> None:
    """Write an mp4 of `portrait` moved by the first face seen in `video`, with its sound.

    Raises InputError and OutputError and their kinds.
    """
    check_output(output, force=True)
    info = probe(video)
    autoencoder = MeshAutoencoder(find_faces, size=None if full_frame else size)
    identity = autoencoder.identify(load_portrait(portrait))
    shape = identity.portrait.image_HWC.shape if full_frame else (size, size)
    even = (shape[1] // 2 * 2, shape[0] // 2 * 2)
    with VideoWriter(output, size=even) as writer:
        for image_HWC in reenact(autoencoder, identity, decode_video(video, info=info)):
            whole = autoencoder.paste(identity, image_HWC) if full_frame else image_HWC
            writer.write(np.ascontiguousarray(whole[: even[1], : even[0]]))
            progress(Progress("Driving", writer.frames, info.frames))
        writer.finish([SoundFile(info)] if info.audio is not None else None)


def reenact(
    autoencoder: MeshAutoencoder, identity: MeshIdentity, frames: Iterable[Image]
) -> Iterator[Image]:
    """One crop per frame of video, moved relative to the driving person's own rest and neutral.

    Where the face is out of sight the portrait keeps its last motion. Raises NoPersonError when the
    video begins without a face.
    """
    for motion_D in face_motion(autoencoder, frames):
        yield from autoencoder.decode(identity, motion_D[None])


def face_motion(autoencoder: MeshAutoencoder, frames: Iterable[Image]) -> Iterator[Floats]:
    """Motion (D,) of the first face seen, frame by frame, from the past only."""
    state: EncoderState | None = None
    motion_D = np.zeros(autoencoder.motion_dim, np.float32)
    for frame, view in enumerate(_one_person(frames)):
        if view is not None:
            motion_D, state = autoencoder.encode(view, state)
        elif state is None and frame >= PATIENCE_FRAMES:
            raise NoPersonError("the driving video shows no face in its first ten seconds")
        yield motion_D


def _one_person(frames: Iterable[Image]) -> Iterator[FaceView | None]:
    """The first person's view in each frame, or None."""
    first: int | None = None
    for views in follow(frames, FollowConfig(people=1)):
        if first is None and views:
            first = min(views)
        yield views.get(first) if first is not None else None


def find_faces(image_HWC: Image) -> list[Floats]:
    """Landmarks (478, 3) of each face of a portrait, largest first."""
    return [face.landmarks_N3 for face in landmarks_of_portrait(image_HWC)]
