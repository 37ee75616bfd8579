"""Does a long performance stay the person it began as? Motion of each part against the first.

The conversation is a short one over and over, so a steady generator does the same on average in
every part; what moves from part to part is drift. Shape letters: T frames, D motion, S samples.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from afgen.autoencoder.mesh.motion import MOTION_DIM
from afgen.clock import SAMPLES_PER_FRAME, blocks_in, frames_in, seconds_at
from afgen.conditions.assemble import assemble
from afgen.conditions.features import AudioFeatures
from afgen.evaluate.face import read_face
from afgen.generator.stream import MotionSampler, stream
from afgen.render.stopwatch import peak_memory_mb
from afgen.signals import Conversation, Floats, Track, to_samples

PARTS = 6


@dataclass(frozen=True, slots=True)
class FacePart:
    """What the face did on average, where the motion can be read: that of the face mesh."""

    pitch_deg: float
    yaw_deg: float
    smile: float
    mouth: float  # opening over width


@dataclass(frozen=True, slots=True)
class DriftPart:
    """One part of a long performance. Distances are in deviations a dimension of the first part."""

    until_min: float
    moved: float  # of the mean motion, from the first part's
    off_reference: float  # of the mean motion, from the portrait's own
    liveliness: float  # deviation over time against the first part's
    state_mb: float
    peak_memory_mb: float
    face: FacePart | None


def measure_drift(
    sampler: MotionSampler,
    features: AudioFeatures,
    avatar_S: Floats | None,
    user_S: Floats,
    reference_D: Floats,
    *,
    minutes: float,
    parts: int = PARTS,
    seed: int = 0,
) -> list[DriftPart]:
    """Generate `minutes` of motion from voices repeated without end, and compare its parts.

    Without a voice of its own the avatar listens, to silence on its side.
    """
    block_frames = sampler.model.config.block_frames
    each = blocks_in(frames_in(60 * minutes), block_frames) // parts * block_frames
    voices = _endless(avatar_S, user_S, each * parts)
    figures: list[DriftPart] = []
    first_TD: Floats | None = None
    for motion_TD, state_mb in _performed(sampler, features, voices, reference_D, each, seed):
        first_TD = motion_TD if first_TD is None else first_TD
        until_s = seconds_at((len(figures) + 1) * each)
        figures.append(_part(motion_TD, first_TD, reference_D, until_s / 60, state_mb))
    return figures


def _performed(
    sampler: MotionSampler,
    features: AudioFeatures,
    voices: Conversation,
    reference_D: Floats,
    each: int,
    seed: int,
) -> Iterator[tuple[Floats, float]]:
    """Motion (T, D) of one part after another, and how large the state is after it."""
    config = sampler.model.config
    conditions = assemble(
        voices, features, block_frames=config.block_frames, first_frames=config.first_frames
    )
    blocks: list[Floats] = []
    for block, state in stream(sampler, conditions, reference_D, seed=seed):
        blocks.append(block.motion_TD)
        frames = sum(map(len, blocks))
        if frames >= each:
            joined_TD = np.concatenate(blocks)
            yield joined_TD[:each], len(state.to_bytes()) / 1e6
            blocks = [joined_TD[each:]]


def _endless(avatar_S: Floats | None, user_S: Floats, frames: int) -> Conversation:
    samples = frames * SAMPLES_PER_FRAME
    own_S = np.zeros(1, np.float32) if avatar_S is None else avatar_S
    avatar, user = (
        Track(audio_S=np.resize(to_samples(voice_S), samples)) for voice_S in (own_S, user_S)
    )
    return Conversation(frames, avatar, user)


def _part(
    motion_TD: Floats, first_TD: Floats, reference_D: Floats, until_min: float, state_mb: float
) -> DriftPart:
    """Figures of one part against the first."""
    mean_D, spread_D = motion_TD.mean(axis=0), first_TD.std(axis=0)
    face = None
    if motion_TD.shape[1] == MOTION_DIM:
        readings = read_face(motion_TD)
        face = FacePart(
            pitch_deg=float(readings.pitch_T.mean()),
            yaw_deg=float(readings.yaw_T.mean()),
            smile=float(readings.smile_T.mean()),
            mouth=float(readings.mouth_T.mean()),
        )
    return DriftPart(
        until_min=until_min,
        moved=_distance((mean_D - first_TD.mean(axis=0)) / spread_D),
        off_reference=_distance((mean_D - reference_D) / spread_D),
        liveliness=float((motion_TD.std(axis=0) / spread_D).mean()),
        state_mb=state_mb,
        peak_memory_mb=peak_memory_mb(),
        face=face,
    )


def _distance(difference_D: Floats) -> float:
    return float(np.sqrt((difference_D**2).mean()))
