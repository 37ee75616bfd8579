"""One real portrait, identified once: the astronaut photograph that scikit-image carries."""

from functools import cache

import numpy as np
from skimage.data import astronaut

from afgen.autoencoder.mesh.decode import MeshAutoencoder
from afgen.autoencoder.mesh.identity import MeshIdentity
from afgen.signals import Floats, Image, Portrait
from afgen.tracks.landmarks import landmarks_of_portrait

SIZE = 256


@cache
def photograph() -> Portrait:
    return Portrait(astronaut(), sha256="astronaut", name="astronaut")


@cache
def landmarks() -> tuple[Floats, ...]:
    return tuple(face.landmarks_N3 for face in landmarks_of_portrait(astronaut()))


def find_faces(_: Image) -> tuple[Floats, ...]:
    return landmarks()


@cache
def autoencoder(size: int | None = SIZE, threads: int = 2) -> MeshAutoencoder:
    return MeshAutoencoder(find_faces, size=size, threads=threads)


@cache
def identity(size: int | None = SIZE) -> MeshIdentity:
    return autoencoder(size).identify(photograph())


def decoded(*motions: Floats, size: int | None = SIZE) -> list[Image]:
    return list(autoencoder(size).decode(identity(size), np.stack(motions)))
