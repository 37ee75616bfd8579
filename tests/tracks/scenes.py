"""Made-up scenes: voices of harmonics, boxes that move, and the astronaut's face, speaking."""

from collections.abc import Iterator

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

from afgen.clock import FRAME_RATE_HZ, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from afgen.signals import Floats, Image
from afgen.tracks.identity import Look, Sighting
from afgen.tracks.landmarks import Box, Face

SYLLABLES_HZ = 4.0
_MOUTH = (133, 147)  # column and row of the astronaut's, in the part of her photograph used


def voice(duration_s: float, pitch_hz: float, *, level: float = 0.2, tilt: float = 1.0) -> Floats:
    """A buzz with formant-less harmonics that swells and fades four times a second."""
    time = np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    wobble = pitch_hz * (1 + 0.05 * np.sin(2 * np.pi * 0.7 * time))
    phase = 2 * np.pi * np.cumsum(wobble) / SAMPLE_RATE_HZ
    harmonics = range(1, int(3500 / pitch_hz))
    buzz = sum(np.sin(k * phase) / k**tilt for k in harmonics)
    swell = 0.5 - 0.5 * np.cos(2 * np.pi * SYLLABLES_HZ * time)
    return np.asarray(level * (0.15 + 0.85 * swell) * buzz, dtype=np.float32)


def hiss(duration_s: float, level: float, seed: int = 0) -> Floats:
    """White noise."""
    samples = round(duration_s * SAMPLE_RATE_HZ)
    return np.random.default_rng(seed).normal(0, level, samples).astype(np.float32)


def turns(*spans: tuple[float, float], duration_s: float) -> NDArray[np.bool_]:
    """Frames inside the spans, in seconds."""
    time = (np.arange(round(duration_s * FRAME_RATE_HZ)) + 0.5) / FRAME_RATE_HZ
    return np.any([(time >= first) & (time < last) for first, last in spans], axis=0)


def gated(audio_S: Floats, active_T: NDArray[np.bool_]) -> Floats:
    """The sound while the flags are up, silence else."""
    return np.asarray(audio_S * np.repeat(active_T, SAMPLES_PER_FRAME), dtype=np.float32)


def mouth_movement(speaking_T: NDArray[np.bool_], seed: int = 0, *, rest: float = 0.0005) -> Floats:
    """Opening and width of a mouth that moves when its person speaks."""
    noise = np.random.default_rng(seed)
    time = np.arange(len(speaking_T)) / FRAME_RATE_HZ
    opening = 0.06 * (1 + np.sin(2 * np.pi * SYLLABLES_HZ * time + seed)) * speaking_T
    mouth_T2 = np.stack([opening, np.full_like(opening, 0.55)], axis=1)
    return np.asarray(mouth_T2 + noise.normal(0, rest, mouth_T2.shape), dtype=np.float32)


def look(kind: int) -> Look:
    """One of a few heads that look unlike each other."""
    noise = np.random.default_rng(kind)
    patch = noise.normal(0, 1, 144)
    return Look(
        np.sqrt(noise.dirichlet(np.full(42, 0.2))).astype(np.float32),
        noise.uniform(90, 160, (36, 3)).astype(np.float32),
        (patch / np.linalg.norm(patch)).astype(np.float32),
    )


def sighting(x: float, y: float, size: float, kind: int) -> Sighting:
    """A face of this look around (x, y)."""
    box = Box(x - size / 2, y - size / 2, size, size)
    return Sighting(Face(np.zeros((478, 3), np.float32), box, 1.0), look(kind))


def astronaut(opening_px: float = 0.0) -> Image:
    """Her photograph with the jaw let down: the face below the lips moves, the gap is dark."""
    picture: Image = skimage.data.astronaut()[:256, 90:346].copy()
    if opening_px <= 0:
        return picture
    rows, columns = np.mgrid[:256, :256].astype(np.float32)
    width = np.clip(1 - ((columns - _MOUTH[0]) / 26) ** 2, 0, 1)
    fading = np.clip((230 - rows) / 40, 0, 1)  # the collar stays
    drop = opening_px * width * fading
    below = np.clip(rows - drop, _MOUTH[1], None)
    source_rows = np.where(rows <= _MOUTH[1], rows, below).astype(np.float32)
    lowered = cv2.remap(picture, columns, source_rows, cv2.INTER_LINEAR)
    gap = (rows > _MOUTH[1]) & (rows < _MOUTH[1] + drop)
    return np.where(gap[:, :, None], np.array([60, 20, 25]), lowered).astype(np.uint8)


def blue(picture: Image) -> Image:
    """The picture in another light, so that she looks like somebody else."""
    return (picture * np.array([0.45, 0.65, 1.0])).astype(np.uint8)


def two_astronauts(left_T: NDArray[np.bool_], right_T: NDArray[np.bool_]) -> Iterator[Image]:
    """Two of her side by side, the right one mirrored and blue, speaking where flagged."""
    for frame, (left, right) in enumerate(zip(left_T, right_T, strict=True)):
        swing = 6 + 5 * np.sin(2 * np.pi * SYLLABLES_HZ * frame / FRAME_RATE_HZ)
        one, other = astronaut(swing * left), astronaut(swing * right)
        other = blue(other[:, ::-1])
        yield np.concatenate([one, other], axis=1)
