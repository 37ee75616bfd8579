"""Named full configurations: autoencoder, generator, weights, and the machine they run on."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Any

from afgen.autoencoder.interface import MotionAutoencoder
from afgen.autoencoder.mesh.basis import load_basis
from afgen.autoencoder.mesh.decode import MeshAutoencoder
from afgen.autoencoder.mesh.motion import POSE
from afgen.checkpoint import Checkpoint, load_checkpoint
from afgen.conditions.features import AudioFeatures
from afgen.conditions.kinds import features_from
from afgen.errors import OptionError
from afgen.generator.continuity import AS_DRAWN, Continuity
from afgen.generator.guidance import Guidance
from afgen.generator.model import MotionGenerator
from afgen.generator.stream import MotionSampler
from afgen.generator.weights import generator_from
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
    continuity: Continuity
    context_noise: float


@dataclass(frozen=True, slots=True)
class Models:
    """A preset's loaded models. They hold weights only and can serve many renders."""

    autoencoder: Callable[[int | None], MotionAutoencoder[Any, Any]]  # by size of its pictures
    generator: MotionGenerator
    features: AudioFeatures
    weights_sha256: dict[str, str]
    licence: str
    continuity: Continuity = AS_DRAWN
    context_noise: float = 0.0

    def sampler(self, nfe: int, guidance_audio: float, guidance_user: float) -> MotionSampler:
        """The generator with these sampling settings."""
        guidance = Guidance(guidance_audio, guidance_user)
        return MotionSampler(
            self.generator,
            nfe,
            guidance,
            continuity=self.continuity,
            context_noise=self.context_noise,
        )


def _mesh(size: int | None) -> MeshAutoencoder:
    return MeshAutoencoder(find_faces, size=size)


def find_faces(image_HWC: Image) -> list[Floats]:
    """Landmarks (478, 3) of the faces of a portrait, largest first."""
    return [face.landmarks_N3 for face in landmarks_of_portrait(image_HWC)]


PRESETS = {
    "portrait": Preset(
        name="portrait",
        summary="face mesh and image warp; small generator",
        runs_on="CPU, about real time on two cores",
        weights="portrait/generator.safetensors",
        weights_sha256="e600d93b664d01ff0fec52c50cf5dad83ef4d104c1368134e9ac72d61d1b85db",
        licence="Apache-2.0; trained on the GRID corpus (CC BY 4.0) and simulated listeners",
        autoencoder=_mesh,
        continuity=Continuity(seam_frames=4, smooth_dims=POSE.stop),
        context_noise=0.05,
    ),
}


def preset_named(name: str) -> Preset:
    """Raises OptionError for a name that is not in the list."""
    if name not in PRESETS:
        raise OptionError(
            f"there is no preset {name!r}.", hint=f"Known presets: {', '.join(PRESETS)}."
        )
    return PRESETS[name]


def load_models(name: str) -> Models:
    """Everything of a preset that has weights.

    Raises OptionError, WeightsMissingError, WeightsDamagedError, WeightsMismatchError.
    """
    preset = preset_named(name)
    checkpoint = _checkpoint(preset)
    return Models(
        autoencoder=preset.autoencoder,
        generator=generator_from(checkpoint),
        features=features_from(checkpoint.config["features"]),
        weights_sha256={"generator": preset.weights_sha256, "basis": load_basis().sha256},
        licence=preset.licence,
        continuity=preset.continuity,
        context_noise=preset.context_noise,
    )


def verify(preset: Preset) -> str:
    """The weights' hash, where it is the one this version was measured with.

    Raises WeightsMissingError, WeightsDamagedError, WeightsMismatchError.
    """
    return _checkpoint(preset).sha256


def _checkpoint(preset: Preset) -> Checkpoint:
    with as_file(files("afgen") / "assets" / preset.weights) as path:
        return load_checkpoint(path, sha256=preset.weights_sha256)


def describe(preset: Preset) -> dict[str, str]:
    """A preset as a table's row."""
    return {
        "name": preset.name,
        "summary": preset.summary,
        "runs_on": preset.runs_on,
        "weights": preset.licence,
        "weights_sha256": preset.weights_sha256,
    }
