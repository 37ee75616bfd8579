"""A clip of one person -> the features that models are trained and measured on.

Two steps, each stored once: tracking (landmarks and sound, slow, independent of any model) and
encoding on a motion basis (fast, repeated when the basis changes).
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from afgen.autoencoder.mesh.basis import MotionBasis
from afgen.autoencoder.mesh.encode import encode_clip
from afgen.clock import FRAME_RATE_HZ, SAMPLES_PER_FRAME
from afgen.errors import CorruptMediaError, UnusableClipError
from afgen.media.decode import decode_audio, decode_video
from afgen.media.files import atomic_path
from afgen.media.probe import probe
from afgen.signals import FaceView, Floats
from afgen.tracks.follow import FollowConfig, follow

_MIN_FRAMES: Final = FRAME_RATE_HZ  # a second
_MAX_LOST_FRAMES: Final = 5  # a longer gap in the track makes a clip useless
_MAX_LOST_SHARE: Final = 0.1


@dataclass(frozen=True, slots=True)
class TrackedClip:
    """One person's face and sound. Both cover the same T frames; S = 640 T."""

    landmarks_TN3: Floats  # pixels, NaN where the face was lost
    audio_S: Floats | None  # 16 kHz mono, None without a sound track


@dataclass(frozen=True, slots=True)
class ClipFeatures:
    """What is learned from and measured on; S = 640 T."""

    motion_TD: Floats
    mouth_T: Floats  # opening of the inner lips over their width
    eyes_T: Floats  # opening of the eyes over their width
    audio_S: Floats  # zeros for a clip without sound


def track_clip(path: Path) -> TrackedClip:
    """Landmarks of the person who is in view longest, and the sound of all channels mixed.

    Raises MediaError if the clip cannot be decoded, UnusableClipError if nobody is in view.
    """
    info = probe(path)
    frames = decode_video(path, info=info)
    views: dict[int, list[FaceView]] = {}
    for seen in follow(frames, FollowConfig(people=1), threads=1):
        for person, view in seen.items():
            views.setdefault(person, []).append(view)
    if not views:
        raise UnusableClipError(f"no face in {path.name}")
    longest = max(views.values(), key=len)
    landmarks_TN3 = np.full((info.frames, *longest[0].landmarks_N3.shape), np.nan, np.float32)
    for view in longest:
        landmarks_TN3[view.frame] = view.landmarks_N3
    audio_S = decode_audio(path, info=info).mean(0) if info.audio else None
    return TrackedClip(landmarks_TN3, audio_S)


def features_of(clip: TrackedClip, basis: MotionBasis) -> ClipFeatures:
    """Features of a whole clip; short losses of the face are bridged.

    Raises UnusableClipError for a clip under a second or with longer losses.
    """
    landmarks_TN3 = bridge_losses(clip.landmarks_TN3)
    encoded = encode_clip(landmarks_TN3, basis)
    samples = len(landmarks_TN3) * SAMPLES_PER_FRAME
    audio_S = np.zeros(samples, np.float32)
    if clip.audio_S is not None:
        known = min(samples, len(clip.audio_S))
        audio_S[:known] = clip.audio_S[:known]
    return ClipFeatures(encoded.motion_TD, encoded.mouth_T, encoded.eyes_T, audio_S)


def bridge_losses(landmarks_TN3: Floats) -> Floats:
    """Landmarks with short gaps filled in a straight line; at either end the nearest are held.

    Raises UnusableClipError where too much is missing.
    """
    lost_T = np.isnan(landmarks_TN3).any(axis=(1, 2))
    frames = len(lost_T)
    if frames < _MIN_FRAMES:
        raise UnusableClipError(f"only {frames} frames")
    if lost_T.mean() > _MAX_LOST_SHARE or _longest_run(lost_T) > _MAX_LOST_FRAMES:
        raise UnusableClipError(f"the face is lost in {int(lost_T.sum())} of {frames} frames")
    if not lost_T.any():
        return landmarks_TN3
    seen = np.flatnonzero(~lost_T)
    flat_TM = landmarks_TN3[seen].reshape(len(seen), -1)
    place_T = np.interp(np.arange(frames), seen, np.arange(len(seen)))
    before_T = np.floor(place_T).astype(np.intp)
    after_T = np.minimum(before_T + 1, len(seen) - 1)
    part_T1 = (place_T - before_T)[:, None].astype(np.float32)
    bridged_TM = flat_TM[before_T] * (1 - part_T1) + flat_TM[after_T] * part_T1
    bridged_TN3: Floats = bridged_TM.reshape(landmarks_TN3.shape)
    return bridged_TN3


def _longest_run(flags_T: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags_T.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def save_tracked(clip: TrackedClip, path: Path) -> None:
    """Write `landmarks` and `audio` (int16, absent without sound) as npz, whole or not at all."""
    arrays = {"landmarks": clip.landmarks_TN3}
    if clip.audio_S is not None:
        arrays["audio"] = np.round(np.clip(clip.audio_S, -1, 1) * 32767).astype(np.int16)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def load_tracked(path: Path) -> TrackedClip:
    """The inverse of `save_tracked`. Raises CorruptMediaError for a damaged file."""
    arrays = _load_arrays(path, "landmarks")
    audio = arrays.get("audio")
    audio_S = None if audio is None else audio.astype(np.float32) / 32768
    return TrackedClip(arrays["landmarks"], audio_S)


def save_features(features: ClipFeatures, path: Path) -> None:
    """Write `motion_TD`, `mouth_open`, `eye_open` and `audio` as npz, whole or not at all."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            motion_TD=features.motion_TD,
            mouth_open=features.mouth_T,
            eye_open=features.eyes_T,
            audio=features.audio_S,
        )


def load_features(path: Path) -> ClipFeatures:
    """The inverse of `save_features`. Raises CorruptMediaError for a damaged file."""
    arrays = _load_arrays(path, "motion_TD", "mouth_open", "eye_open", "audio")
    return ClipFeatures(
        arrays["motion_TD"], arrays["mouth_open"], arrays["eye_open"], arrays["audio"]
    )


def _load_arrays(path: Path, *required: str) -> dict[str, Floats]:
    try:
        with path.open("rb") as file, np.load(file) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise CorruptMediaError(f"{path} is not whole: {error}") from error
    missing = [name for name in required if name not in arrays]
    if missing:
        raise CorruptMediaError(f"{path} lacks {', '.join(missing)}")
    return arrays
