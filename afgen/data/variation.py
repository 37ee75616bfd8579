"""Other voices at the level of features: cheap enough to be drawn anew in every training step.

Composed voices are fixed in the bank; this varies each window of them. Shape letters: B rows,
W frames, A = H x M features of H spectra with M mel bands.
"""

from dataclasses import dataclass

import numpy as np

from afgen.conditions.logmel import LogMelConfig
from afgen.signals import Floats


@dataclass(frozen=True, slots=True)
class VariationConfig:
    """How far features are moved."""

    shift_bands: float = 3.0  # up or down the mel scale: vocal tract and pitch
    gain: float = 0.25  # deviation of a smooth gain over the bands: microphone
    level: float = 0.25  # deviation of the whole level
    knots: int = 6  # of the smooth gain


def vary(
    audio_BWA: Floats, rng: np.random.Generator, mel: LogMelConfig, config: VariationConfig
) -> Floats:
    """The same speech by another voice into another microphone, each row its own."""
    rows, frames, _ = audio_BWA.shape
    bands_BWHM = audio_BWA.reshape(rows, frames, mel.hops_per_frame, mel.bands)
    position_BM = np.arange(mel.bands) + rng.uniform(-1, 1, (rows, 1)) * config.shift_bands
    position_BM = np.clip(position_BM, 0, mel.bands - 1)
    below_BM = np.minimum(position_BM.astype(np.int64), mel.bands - 2)
    share_B11M = (position_BM - below_BM).astype(np.float32)[:, None, None]
    index_B11M = below_BM[:, None, None]
    lower = np.take_along_axis(bands_BWHM, index_B11M, axis=3)
    upper = np.take_along_axis(bands_BWHM, index_B11M + 1, axis=3)
    moved = lower + share_B11M * (upper - lower) + _gains(rng, rows, mel.bands, config)
    varied: Floats = np.clip(moved, mel.lowest, mel.highest).astype(np.float32)
    return varied.reshape(audio_BWA.shape)


def _gains(rng: np.random.Generator, rows: int, bands: int, config: VariationConfig) -> Floats:
    """Smooth random gains, (B, 1, 1, M)."""
    knots_BK = rng.normal(0, config.gain, (rows, config.knots))
    place_M = np.linspace(0, config.knots - 1, bands)
    smooth_BM = np.stack([np.interp(place_M, np.arange(config.knots), row) for row in knots_BK])
    gains_BM = smooth_BM + rng.normal(0, config.level, (rows, 1))
    gains: Floats = gains_BM.astype(np.float32)[:, None, None]
    return gains
