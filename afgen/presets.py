"""Named full configurations: which autoencoder, which generator, which weights, for what machine."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Any

from afgen.autoencoder.interface import MotionAutoencoder
from afgen.autoencoder.mesh.decode import MeshAutoencoder
from afgen.checkpoint import load_generator
from afgen.conditions.logmel import AudioFeatures
from afgen.errors import OptionError, WeightsMismatchError, WeightsMissingError
from afgen.generator.guidance import Guidance
from afgen.generator.model import MotionGenerator
from afgen.generator.stream import MotionSampler
from afgen.media.files import sha256_of
from afgen.signals import Floats, Image
from afgen.tracks.landmarks import landmarks_of_portrait


@dataclass(frozen=True, slots=True)
class Preset:
    """A configuration by name. `weights` lie in the package under `afgen/assets`."""

    name: str
    summary: str
    runs_on: str
    weights: str
    weights_sha256: str
    licence: str
    autoencoder: Callable[[int | None], MotionAutoencoder[Any, Any]]


@dataclass(frozen=True, slots=True)
class Models:
    """A preset's loaded models. They hold weights only and can serve many renders."""

    autoencoder: MotionAutoencoder[Any, Any]
    generator: MotionGenerator
    features: AudioFeatures
    weights_sha256: dict[str, str]
    licence: str

    def sampler(self, nfe: int, guidance_audio: float, guidance_user: float) -> MotionSampler:
        """The generator with these sampling settings."""
        return MotionSampler(self.generator, nfe, Guidance(guidance_audio, guidance_user))


def _mesh(size: int | None) -> MeshAutoencoder:
    return MeshAutoencoder(_faces, size=size)


def _faces(image_HWC: Image) -> list[Floats]:
    return [face.landmarks_N3 for face in landmarks_of_portrait(image_HWC)]


PRESETS = {
    "portrait": Preset(
        name="portrait",
        summary="face mesh and image warp; small generator",
        runs_on="CPU, faster than real time",
        weights="portrait/generator.safetensors",
        weights_sha256="",
        licence="Apache-2.0; trained on the GRID corpus (CC BY 4.0) and simulated listeners",
        autoencoder=_mesh,
    ),
}
