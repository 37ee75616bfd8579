"""What a smile does to the light: a fold from nose to mouth, a round cheek, a dimple.

The mesh moves skin but makes no folds. Their light is painted once per portrait as a relative
change of brightness over the face, and applied as far as each corner of the mouth is drawn up. It
rides on the texture, so it moves with the skin. Crow's feet are left out: at this resolution they
read as age, not as joy.
"""

from dataclasses import dataclass

import numpy as np

from afgen.autoencoder.mesh.curves import Array, spline_matrix
from afgen.autoencoder.mesh.raster import Shades
from afgen.autoencoder.mesh.topology import MOUTH_CORNERS
from afgen.signals import Floats

# From the wing of the nose around the corner of the mouth, on the person's right and left.
_FOLDS = ((129, 203, 206, 216, 212), (358, 423, 426, 436, 432))
_CHEEKS = (205, 425)  # the round of the cheek beside the fold
_UNDER_EYES = ((118, 119, 120), (347, 348, 349))
_SAMPLES = 48


@dataclass(frozen=True, slots=True)
class ShadingConfig:
    """Relative changes of light for a full smile; lengths are face widths."""

    fold: float = -0.12
    fold_width: float = 0.018
    beside: float = 0.035  # the lit ridge next to the fold
    beside_width: float = 0.035
    cheek: float = 0.045
    cheek_width: float = 0.10
    dimple: float = -0.12
    dimple_width: float = 0.020
    pouch: float = 0.04  # under the eyes
    pouch_width: float = 0.030


def smile_light(
    texels_N2: Array, face_width: float, side: int, config: ShadingConfig | None = None
) -> Floats:
    """Relative change of light of a full smile, over a texture of `side` squared.

    `texels_N2` are the landmarks at rest in texture coordinates, `face_width` is in texels.
    """
    config = config or ShadingConfig()
    coarse = max(1, round(face_width / 220))  # folds are soft: a coarser map says the same
    light = np.zeros((-(-side // coarse), -(-side // coarse)), np.float32)
    points_N2, unit = texels_N2 / coarse, face_width / coarse
    middle_2 = points_N2[MOUTH_CORNERS].mean(0)
    for fold, cheek in zip(_FOLDS, _CHEEKS, strict=True):
        curve_2 = spline_matrix(len(fold), _SAMPLES) @ points_N2[list(fold)]
        fade = np.sin(np.pi * np.linspace(0.06, 0.97, _SAMPLES)) ** 0.7
        _ridge(light, curve_2, config.fold * fade, config.fold_width * unit)
        outward_2 = (points_N2[cheek] - middle_2) / np.linalg.norm(points_N2[cheek] - middle_2)
        beside_2 = curve_2 + outward_2 * 0.055 * unit
        _ridge(light, beside_2, config.beside * fade, config.beside_width * unit)
        _spot(light, points_N2[cheek], config.cheek, config.cheek_width * unit)
    for corner in points_N2[MOUTH_CORNERS]:
        outside_2 = corner + (corner - middle_2) * 0.10
        _spot(light, outside_2, config.dimple, config.dimple_width * unit)
    for under in _UNDER_EYES:
        _spot(light, points_N2[list(under)].mean(0), config.pouch, config.pouch_width * unit)
    return np.repeat(np.repeat(light, coarse, 0), coarse, 1)[:side, :side]


def quantise(light: Floats) -> Shades:
    """Steps of 1/128, as the rasteriser reads them."""
    shades: Shades = np.clip(np.round(light * 128), -127, 127).astype(np.int8)
    return shades


def _ridge(light: Floats, curve_2: Array, strength: Array, width: float) -> None:
    """Add a soft line: at each pixel the strength of the nearest point of the curve."""
    window, x, y = _window(light, curve_2, width)
    if window.size == 0:
        return
    apart = np.full(window.shape, np.inf, np.float32)
    amount = np.zeros(window.shape, np.float32)
    for (px, py), value in zip(curve_2, strength, strict=True):
        squared = (x - px) ** 2 + (y - py) ** 2
        nearer = squared < apart
        apart[nearer], amount[nearer] = squared[nearer], value
    window += amount * np.exp(-apart / (2 * width**2))


def _spot(light: Floats, centre_2: Array, strength: float, width: float) -> None:
    window, x, y = _window(light, centre_2[None], width)
    squared = (x - centre_2[0]) ** 2 + (y - centre_2[1]) ** 2
    window += np.float32(strength) * np.exp(-squared / (2 * width**2))


def _window(light: Floats, points_2: Array, width: float) -> tuple[Floats, Floats, Floats]:
    """The part of the map within three and a half widths of the points, with its coordinates."""
    reach = 3.5 * width
    x0, y0 = np.clip(np.floor(points_2.min(0) - reach), 0, light.shape[0]).astype(int)
    x1, y1 = np.clip(np.ceil(points_2.max(0) + reach), 0, light.shape[0]).astype(int)
    y, x = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    return light[y0:y1, x0:x1], x, y
