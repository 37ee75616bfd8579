"""The motion basis: what faces do, in 32 numbers on orthonormal vectors.

A displacement from a person's own neutral shape is weighted (lips, lids and irises count more,
depth less) and projected; the paper's m = sum_k lambda_k d_k (section 4.1) with a basis fitted to
landmarks in place of a learned one. Each vector is its own mirror image up to the sign `parity_K`.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from afgen.autoencoder.mesh.topology import ASSETS
from afgen.errors import WeightsMismatchError, WeightsMissingError

Array = NDArray[np.float64]
ArrayIn = NDArray[np.floating[Any]]

BASIS_FILE: Final = ASSETS / "basis.safetensors"
COEFFICIENTS: Final = 32  # K
_LEAK_LIMIT_RAD = np.radians(12.0)  # the regression saw no more than that


@dataclass(frozen=True)
class MotionBasis:
    """Mean shape and basis. Lengths are face widths, angles radians.

    mean_N3: the mean neutral face, symmetric.
    vectors_KN3: orthonormal rows of the weighted space.
    weights_N3: how much each coordinate counts.
    scales_K: typical deviation of each projection, by which coefficients are divided.
    parity_K: +1 or -1, the sign of a coefficient seen in a mirror.
    leak_2N3: apparent displacement per radian of (pitch, yaw) that is really the tracker's error.
    jaw_N3: mean displacement per unit of mouth opening.
    """

    mean_N3: Array
    vectors_KN3: Array
    weights_N3: Array
    scales_K: Array
    parity_K: Array
    leak_2N3: Array
    jaw_N3: Array

    def coefficients(self, displacement_N3: ArrayIn) -> Array:
        """Dimensionless coefficients (..., K) of displacements (..., N, 3)."""
        weighted = (displacement_N3 * self.weights_N3).reshape(*displacement_N3.shape[:-2], -1)
        flat_KM = self.vectors_KN3.reshape(len(self.vectors_KN3), -1)
        projected: Array = weighted @ flat_KM.T / self.scales_K
        return projected

    def displacement(self, coefficients_K: ArrayIn) -> Array:
        """Displacements (..., N, 3) of coefficients (..., K)."""
        flat_KM = self.vectors_KN3.reshape(len(self.vectors_KN3), -1)
        weighted = (coefficients_K * self.scales_K) @ flat_KM
        unweighted: Array = weighted.reshape(*weighted.shape[:-1], -1, 3) / self.weights_N3
        return unweighted

    def pose_leak(self, angles_3: ArrayIn) -> Array:
        """Displacement (..., N, 3) that a turn (pitch, yaw, roll) from rest only seems to cause."""
        turn_2 = np.clip(angles_3[..., :2], -_LEAK_LIMIT_RAD, _LEAK_LIMIT_RAD)
        leak: Array = np.einsum("...p,pnc->...nc", turn_2, self.leak_2N3)
        return leak

    @property
    def sha256(self) -> str:
        """Hash of all arrays, to tell bases apart."""
        digest = hashlib.sha256()
        for _, array in sorted(_arrays(self).items()):
            digest.update(array.tobytes())
        return digest.hexdigest()


def _arrays(basis: MotionBasis) -> dict[str, NDArray[np.float32]]:
    return {
        "mean": basis.mean_N3.astype(np.float32),
        "vectors": basis.vectors_KN3.astype(np.float32),
        "weights": basis.weights_N3.astype(np.float32),
        "scales": basis.scales_K.astype(np.float32),
        "parity": basis.parity_K.astype(np.float32),
        "leak": basis.leak_2N3.astype(np.float32),
        "jaw": basis.jaw_N3.astype(np.float32),
    }


def save_basis(basis: MotionBasis, path: Path, provenance: dict[str, str]) -> None:
    """Write the basis as float32 safetensors; `provenance` says what it was fitted on."""
    save_file(_arrays(basis), path, metadata=provenance)


@cache
def load_basis(path: Path = BASIS_FILE) -> MotionBasis:
    """The stored basis; arrays are read-only.

    Raises WeightsMissingError if there is no file, WeightsMismatchError if it is not a basis.
    """
    if not path.is_file():
        raise WeightsMissingError(f"no motion basis at {path}")
    try:
        with safe_open(path, framework="numpy") as stored:
            found = {name: stored.get_tensor(name).astype(np.float64) for name in stored.keys()}  # noqa: SIM118
        basis = MotionBasis(
            mean_N3=found["mean"],
            vectors_KN3=found["vectors"],
            weights_N3=found["weights"],
            scales_K=found["scales"],
            parity_K=found["parity"],
            leak_2N3=found["leak"],
            jaw_N3=found["jaw"],
        )
    except (SafetensorError, KeyError) as error:
        raise WeightsMismatchError(f"{path} is not a motion basis: {error}") from error
    for array in found.values():
        array.setflags(write=False)
    return basis
