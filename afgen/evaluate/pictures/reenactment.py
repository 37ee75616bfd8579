"""Self-reenactment: a clip's first frame, moved by the rest of the clip, against the clip itself.

Three ways to show a later frame are compared where the face is: the first frame as it was (still),
the first frame with the head's pose only (rigid), and with pose and expression (mesh).
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from afgen.autoencoder.mesh.crop import cut
from afgen.autoencoder.mesh.decode import MeshAutoencoder
from afgen.autoencoder.mesh.identity import MeshIdentity
from afgen.autoencoder.mesh.motion import ANGLES, EXPRESSION, POSE_SCALES
from afgen.errors import NoFaceError
from afgen.evaluate.pictures.likeness import psnr, ssim
from afgen.media.decode import decode_video
from afgen.signals import FaceView, Floats, Image, Portrait
from afgen.tracks.follow import FollowConfig, follow

NO_DIFFERENCE_DB = 48.0  # an error of one grey level: equal frames count as this


@dataclass(frozen=True, slots=True)
class BenchConfig:
    """How much of each clip is looked at."""

    frames: int = 250
    every: int = 5  # compared frames; all are drawn
    size: int = 512
    margin: float = 0.05  # of the face's box, added around it


@dataclass(frozen=True, slots=True)
class Likeness:
    """Means over one clip's compared frames, in the face's box."""

    psnr_db: float
    ssim: float


@dataclass(frozen=True, slots=True)
class ClipResult:
    """One clip's figures."""

    clip: str
    compared: int
    still: Likeness
    rigid: Likeness
    mesh: Likeness
    turn_deg: float  # 95th percentile of the head's turn from the first frame
    decode_ms: float  # a frame, 25th percentile

    @property
    def gain_db(self) -> float:
        """PSNR won over the still picture."""
        return self.mesh.psnr_db - self.still.psnr_db


def bench_clips(
    clips: Sequence[Path], autoencoder: MeshAutoencoder, config: BenchConfig | None = None
) -> Iterator[ClipResult]:
    """Figures of each clip that shows a face. Raises MediaError and its kinds."""
    for clip in clips:
        yield bench_clip(clip, autoencoder, config)


def bench_clip(
    clip: Path, autoencoder: MeshAutoencoder, config: BenchConfig | None = None
) -> ClipResult:
    """Figures of one clip.

    Raises NoFaceError and the other portrait errors for its first face, and MediaError.
    """
    config = config or BenchConfig()
    views = _views(clip, config.frames)
    first = next(views, None)
    if first is None:
        raise NoFaceError(f"{clip.name} shows no face")
    identity = autoencoder.identify(Portrait(first.image_HWC, sha256="", name=clip.stem))
    scores: list[tuple[float, ...]] = []
    turns: list[float] = []
    times_s: list[float] = []
    still_HWC = cut(first.image_HWC, identity.crop, 0)
    for number, view in enumerate(views):
        motion_D = autoencoder.own_motion(identity, view.landmarks_N3)
        turns.append(_turn_deg(motion_D))
        began = time.perf_counter()
        mesh_HWC = _decode(autoencoder, identity, motion_D)
        times_s.append(time.perf_counter() - began)
        if number % config.every == 0:
            rigid_HWC = _decode(autoencoder, identity, _rigid(autoencoder, identity, motion_D))
            scores.append(_score(view, identity, (still_HWC, rigid_HWC, mesh_HWC), config))
    return _result(clip, np.array(scores), turns, times_s)


def _views(clip: Path, most: int) -> Iterator[FaceView]:
    """The first person's views, while that person is in sight."""
    person: int | None = None
    for views in follow(_some(decode_video(clip), most), FollowConfig(people=1)):
        if person is None and views:
            person = min(views)
        if person in views:
            yield views[person]
        elif person is not None:
            return


def _some(frames: Iterator[Image], most: int) -> Iterator[Image]:
    for _, image_HWC in zip(range(most), frames, strict=False):
        yield image_HWC


def _turn_deg(motion_D: Floats) -> float:
    return float(np.degrees(np.linalg.norm(motion_D[ANGLES] * POSE_SCALES[ANGLES])))


def _rigid(autoencoder: MeshAutoencoder, identity: MeshIdentity, motion_D: Floats) -> Floats:
    rigid_D = motion_D.copy()
    rigid_D[EXPRESSION] = autoencoder.reference_motion(identity)[EXPRESSION]
    return rigid_D


def _decode(autoencoder: MeshAutoencoder, identity: MeshIdentity, motion_D: Floats) -> Image:
    return next(autoencoder.decode(identity, motion_D[None]))


def _score(
    view: FaceView, identity: MeshIdentity, shown: tuple[Image, ...], config: BenchConfig
) -> tuple[float, ...]:
    """PSNR and SSIM of each picture within the box of the true face."""
    truth_HWC = cut(view.image_HWC, identity.crop, 0)
    points_N3 = identity.crop.from_portrait(view.landmarks_N3)
    low, high = points_N3[:, :2].min(0), points_N3[:, :2].max(0)
    room = config.margin * (high - low)
    x0, y0 = np.clip(np.floor(low - room), 0, identity.size - 16).astype(int)
    x1, y1 = np.clip(np.ceil(high + room), (x0 + 16, y0 + 16), identity.size).astype(int)
    truth = truth_HWC[y0:y1, x0:x1]
    parts = [picture[y0:y1, x0:x1] for picture in shown]
    return tuple(
        min(measure(part, truth), NO_DIFFERENCE_DB) for measure in (psnr, ssim) for part in parts
    )


def _result(clip: Path, scores: Floats, turns: list[float], times_s: list[float]) -> ClipResult:
    means = scores.mean(0)
    still, rigid, mesh = (Likeness(float(means[i]), float(means[i + 3])) for i in range(3))
    return ClipResult(
        clip=clip.stem,
        compared=len(scores),
        still=still,
        rigid=rigid,
        mesh=mesh,
        turn_deg=float(np.percentile(turns, 95)),
        decode_ms=float(np.percentile(times_s, 25)) * 1e3,
    )
