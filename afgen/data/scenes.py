"""Where a recording is cut, so that nobody's face is followed from one shot into the next.

A cut is a change of colour from one picture to the next that stands out from the changes around it:
the content measure of PySceneDetect (mean absolute difference of hue, saturation and value) with
its adaptive rule (the ratio to the neighbourhood's mean), on our own decoder's pictures.

Shape letters: T frames, H and W pixels, C channels.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import cv2
import numpy as np

from afgen.clock import FRAME_RATE_HZ
from afgen.media.decode import decode_video
from afgen.media.probe import MediaInfo
from afgen.signals import Floats, Image

_LONGER_SIDE_PX: Final = 128  # pictures are compared this small


@dataclass(frozen=True, slots=True)
class SceneConfig:
    """What counts as a cut, and how long a scene may be."""

    least_change: float = 15.0  # mean of three channels, of 0..255
    least_ratio: float = 3.0  # over the mean change of the frames around
    around_frames: int = 2  # looked at on each side
    shortest_frames: int = 12  # nearer cuts are one: a flash, a dissolve
    longest_frames: int = 120 * FRAME_RATE_HZ  # longer scenes are halved: it bounds the memory


@dataclass(frozen=True, slots=True)
class Span:
    """Frames [start, stop) of a recording."""

    start: int
    stop: int

    @property
    def frames(self) -> int:
        """Its length."""
        return self.stop - self.start


def find_scenes(info: MediaInfo, config: SceneConfig = SceneConfig()) -> list[Span]:
    """All of a recording as scenes, in order, none longer than the config says.

    Raises MediaError where it cannot be decoded.
    """
    video = info.require_video()
    scale = min(1.0, _LONGER_SIDE_PX / max(video.width, video.height))
    size = (max(2, round(video.width * scale)), max(2, round(video.height * scale)))
    changes_T = measure_changes(decode_video(info.path, size=size, info=info))
    bounds = [0, *cuts_in(changes_T, config), len(changes_T)]
    scenes = (Span(start, stop) for start, stop in pairwise(bounds))
    return [part for scene in scenes for part in split_evenly(scene, config.longest_frames)]


def measure_changes(pictures: Iterable[Image]) -> Floats:
    """How different each picture is from the one before, (T,); 0 for the first."""
    changes: list[float] = []
    before: Image | None = None
    for image_HWC in pictures:
        now = np.asarray(cv2.cvtColor(image_HWC, cv2.COLOR_RGB2HSV), np.uint8)
        changes.append(0.0 if before is None else float(cv2.absdiff(now, before).mean()))
        before = now
    return np.asarray(changes, np.float32)


def cuts_in(changes_T: Floats, config: SceneConfig = SceneConfig()) -> list[int]:
    """First frames of the scenes after the first."""
    reach = config.around_frames
    padded_T = np.pad(changes_T, reach)
    windows_TW = np.lib.stride_tricks.sliding_window_view(padded_T, 2 * reach + 1)
    around_T = (windows_TW.sum(axis=1) - changes_T) / (2 * reach)
    ratio_T = changes_T / np.maximum(around_T, 1e-3)
    stands_out_T = (changes_T >= config.least_change) & (ratio_T >= config.least_ratio)
    cuts: list[int] = []
    for frame in np.flatnonzero(stands_out_T).tolist():
        if frame - (cuts[-1] if cuts else 0) >= config.shortest_frames:
            cuts.append(frame)
    return cuts


def split_evenly(span: Span, longest: int) -> list[Span]:
    """The span in as few parts as `longest` allows, all but equally long."""
    parts = max(1, -(-span.frames // longest))
    bounds = [span.start + span.frames * part // parts for part in range(parts + 1)]
    return [Span(start, stop) for start, stop in pairwise(bounds)]
