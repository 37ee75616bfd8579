"""The embedded family: a face mesh that is warped, and a small generator of this project."""

from dataclasses import dataclass
from importlib.resources import as_file, files

import torch

from afgen.autoencoder.mesh.basis import load_basis
from afgen.autoencoder.mesh.decode import MeshAutoencoder
from afgen.checkpoint import Checkpoint, load_checkpoint
from afgen.conditions.kinds import features_from
from afgen.errors import WeightsMissingError
from afgen.generator.block import draw_block
from afgen.generator.continuity import Continuity
from afgen.generator.guidance import Guidance
from afgen.generator.weights import generator_from
from afgen.nn.accelerate import accelerated
from afgen.presets.faces import find_faces
from afgen.presets.models import Models


@dataclass(frozen=True, slots=True)
class Portrait:
    """Its weights lie in the package under `afgen/assets`."""

    weights: str
    sha256: str
    licence: str
    continuity: Continuity
    context_noise: float
    guidance: Guidance

    def load(self, device: torch.device) -> Models:
        """The models; pictures are made on the CPU in any case.

        Raises WeightsMissingError, WeightsDamagedError, WeightsMismatchError.
        """
        checkpoint = self._checkpoint()
        return Models(
            autoencoder=_mesh,
            generator=generator_from(checkpoint, device=device),
            features={"streaming": features_from(checkpoint.config["features"])},
            weights_sha256={"generator": checkpoint.sha256, "basis": load_basis().sha256},
            licence=self.licence,
            device=device,
            threads=1,  # its products are too small to be shared
            continuity=self.continuity,
            context_noise=self.context_noise,
            guidance=self.guidance,
            draw=accelerated(draw_block, device),
        )

    def weights_sha256(self) -> dict[str, str]:
        """The hash the file should have. Raises WeightsMissingError."""
        if not (files("afgen") / "assets" / self.weights).is_file():
            raise WeightsMissingError(f"there are no weights {self.weights} in the package")
        return {"generator": self.sha256}

    def verify(self) -> None:
        """Read the file and compare its hash. Raises as `load`."""
        self._checkpoint()

    def _checkpoint(self) -> Checkpoint:
        with as_file(files("afgen") / "assets" / self.weights) as path:
            return load_checkpoint(path, sha256=self.sha256)


def _mesh(size: int | None) -> MeshAutoencoder:
    return MeshAutoencoder(find_faces, size=size)
