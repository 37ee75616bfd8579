"""Named full configurations: autoencoder, generator, weights, and the machine they run on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Any

import torch

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

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Models:
    """A preset's loaded models. They hold weights only and can serve many renders.

    `threads` are those of torch on a CPU; the last bits of a result depend on them.
    """

    autoencoder: Callable[[int | None], MotionAutoencoder[Any, Any]]  # by size of its pictures
    generator: MotionGenerator
    features: Mapping[str, AudioFeatures]  # by audio mode
    weights_sha256: dict[str, str]
    licence: str
    notice: str = ""  # to be shown to whoever uses the weights
    device: torch.device = CPU
    threads: int = 1
    continuity: Continuity = AS_DRAWN
    context_noise: float = 0.0

    def sampler(
        self,
        nfe: int,
        guidance_audio: float,
        guidance_user: float,
        *,
        first_window: int | None = None,
        anchor: float = 0.0,
    ) -> MotionSampler:
        """The generator with these sampling settings."""
        return MotionSampler(
            self.generator,
            nfe,
            Guidance(guidance_audio, guidance_user),
            continuity=self.continuity,
            context_noise=self.context_noise,
        )

    @property
    def computed_on(self) -> dict[str, str]:
        """What of the machine decides the last bits of a result."""
        if self.device.type == "cpu":
            return {"device": "cpu", "threads": str(self.threads)}
        return {"device": torch.cuda.get_device_name(self.device)}


@dataclass(frozen=True, slots=True)
class Packaged:
    """Weights that come with the package, under `afgen/assets`."""

    path: str
    sha256: str

    def load(self) -> Checkpoint:
        """Raises WeightsMissingError, WeightsDamagedError, WeightsMismatchError."""
        with as_file(files("afgen") / "assets" / self.path) as path:
            return load_checkpoint(path, sha256=self.sha256)


@dataclass(frozen=True, slots=True)
class Preset:
    """A configuration by name, and what can be asked of it."""

    name: str
    summary: str
    runs_on: str
    licence: str
    weights: Packaged
    build: "Callable[[Preset, torch.device], Models]"
    wants_cuda: bool = False  # `--device auto` takes a GPU where there is one
    first_windows: tuple[int, ...] = (10,)  # frames that may be drawn at once at the start
    audio_modes: tuple[str, ...] = ("streaming",)
    tells_apart: bool = True  # head motion, expression and blinks have strengths of their own
    continuity: Continuity = AS_DRAWN
    context_noise: float = 0.0


def _portrait(preset: Preset, device: torch.device) -> Models:
    """Face mesh and small generator: the pictures are made on the CPU in any case."""
    checkpoint = preset.weights.load()
    return Models(
        autoencoder=_mesh,
        generator=generator_from(checkpoint).to(device),
        features={"streaming": features_from(checkpoint.config["features"])},
        weights_sha256={"generator": checkpoint.sha256, "basis": load_basis().sha256},
        licence=preset.licence,
        device=device,
        continuity=preset.continuity,
        context_noise=preset.context_noise,
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
        licence="Apache-2.0; trained on the GRID corpus (CC BY 4.0) and simulated listeners",
        weights=Packaged(
            path="portrait/generator.safetensors",
            sha256="e600d93b664d01ff0fec52c50cf5dad83ef4d104c1368134e9ac72d61d1b85db",
        ),
        build=_portrait,
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


def load_models(name: str, device: str = "auto") -> Models:
    """Everything of a preset that has weights, on `device`: auto, cpu or cuda.

    Raises OptionError, WeightsMissingError, WeightsDamagedError, WeightsMismatchError.
    """
    preset = preset_named(name)
    return preset.build(preset, device_for(preset, device))


def device_for(preset: Preset, asked: str) -> torch.device:
    """Where a preset computes. Raises OptionError where a GPU is asked for and there is none."""
    there = torch.cuda.is_available()
    if asked == "cuda" and not there:
        raise OptionError(
            "There is no CUDA device that torch can use.",
            hint="Use --device cpu, or install a torch that was built for your GPU's driver.",
        )
    return torch.device(
        "cuda" if asked == "cuda" or (asked == "auto" and preset.wants_cuda and there) else "cpu"
    )


def verify(preset: Preset) -> str:
    """The weights' hash, where it is the one this version was measured with.

    Raises WeightsMissingError, WeightsDamagedError, WeightsMismatchError.
    """
    return preset.weights.load().sha256


def describe(preset: Preset) -> dict[str, str]:
    """A preset as a table's row."""
    return {
        "name": preset.name,
        "summary": preset.summary,
        "runs_on": preset.runs_on,
        "weights": preset.licence,
        "weights_sha256": preset.weights.sha256,
    }
