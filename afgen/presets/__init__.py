"""Named full configurations: autoencoder, generator, weights, and the machine they run on."""

from dataclasses import dataclass
from typing import Protocol

import torch

from afgen.autoencoder.mesh.motion import POSE
from afgen.errors import OptionError, WeightsError
from afgen.generator.continuity import Continuity
from afgen.generator.guidance import Guidance
from afgen.offers import offer_of
from afgen.presets.avatar_forcing import AvatarForcing
from afgen.presets.faces import find_faces
from afgen.presets.models import Models
from afgen.presets.portrait import Portrait

__all__ = [
    "PRESETS",
    "Models",
    "Preset",
    "describe",
    "device_for",
    "find_faces",
    "load_models",
    "preset_named",
]


class Family(Protocol):
    """Models that belong together, and where their weights come from."""

    @property
    def licence(self) -> str:
        """Of the weights."""
        ...

    def load(self, device: torch.device) -> Models:
        """Raises WeightsMissingError, WeightsDamagedError, WeightsMismatchError."""
        ...

    def weights_sha256(self) -> dict[str, str]:
        """The hash that each file should have. Raises WeightsMissingError."""
        ...

    def verify(self) -> None:
        """Read every file and compare its hash. Raises as `load`."""
        ...


@dataclass(frozen=True, slots=True)
class Preset:
    """A configuration by name; `afgen.offers` says what can be asked of it."""

    name: str
    summary: str
    runs_on: str
    family: Family
    wants_cuda: bool = False  # `--device auto` takes a GPU where there is one
    embedded: bool = True  # its weights come with the package


PRESETS = {
    "portrait": Preset(
        name="portrait",
        summary="face mesh and image warp; small generator",
        runs_on="CPU, about real time on two cores",
        family=Portrait(
            weights="portrait/generator.safetensors",
            sha256="f803af2f3e514562e6fba4818b3703eeed8980755caeac6d26b53707e279fed8",
            licence="Apache-2.0; trained on the GRID corpus (CC BY 4.0) and simulated listeners",
            continuity=Continuity(seam_frames=4, smooth_dims=POSE.stop),
            context_noise=0.05,
            guidance=Guidance(avatar_audio=2.0, user=2.0),
        ),
    ),
    "avatar-forcing": Preset(
        name="avatar-forcing",
        summary="the paper's own models, from its authors' checkpoints",
        runs_on="a CUDA GPU; a CPU is many times slower than real time",
        family=AvatarForcing(weights="avatar-forcing", licence="CC BY-NC 4.0"),
        wants_cuda=True,
        embedded=False,
    ),
    "trained": Preset(
        name="trained",
        summary="the paper's models, trained by you",
        runs_on="a CUDA GPU, or a CPU where they are small",
        family=AvatarForcing(weights="trained", licence="that of the data they were trained on"),
        wants_cuda=True,
        embedded=False,
    ),
}


def preset_named(name: str) -> Preset:
    """Raises OptionError for a name that is not in the list."""
    offer_of(name)
    return PRESETS[name]


def load_models(name: str, device: str = "auto") -> Models:
    """Everything of a preset that has weights, on `device`: auto, cpu or cuda.

    Raises OptionError, WeightsMissingError, WeightsDamagedError, WeightsMismatchError.
    """
    preset = preset_named(name)
    return preset.family.load(device_for(preset, device))


def device_for(preset: Preset, asked: str) -> torch.device:
    """Where a preset computes. Raises OptionError where a GPU is asked for and there is none."""
    there = torch.cuda.is_available()
    if asked == "cuda" and not there:
        raise OptionError(
            "There is no CUDA device that torch can use.",
            hint="Use --device cpu, or install a torch that was built for your GPU's driver.",
        )
    takes_it = asked == "cuda" or (asked == "auto" and preset.wants_cuda)
    return torch.device("cuda" if takes_it and there else "cpu")


def describe(preset: Preset) -> dict[str, object]:
    """A preset as a table's row; where it is not installed, how that is mended."""
    row: dict[str, object] = {
        "name": preset.name,
        "summary": preset.summary,
        "runs_on": preset.runs_on,
        "licence": preset.family.licence,
    }
    try:
        return {**row, "installed": True, "weights_sha256": preset.family.weights_sha256()}
    except WeightsError as error:
        return {**row, "installed": False, "problem": error.message, "hint": error.advice}
