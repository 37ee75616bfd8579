"""One scene's faces: everybody in it followed, their landmarks kept, and the stretches they are in.

Shape letters: T frames of the scene, N = 478 landmarks, K numbers of a row.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from afgen.clock import FRAME_RATE_HZ
from afgen.data.scenes import Span, split_evenly
from afgen.media.decode import decode_video
from afgen.media.probe import MediaInfo
from afgen.signals import FaceView, Flags, Floats
from afgen.tracks.follow import FollowConfig
from afgen.tracks.landmarks import LANDMARKS
from afgen.tracks.observe import ObserveConfig, PersonTrack, observe
from afgen.tracks.speech import segments

_LONGER_SIDE_PX: Final = 1280  # pictures are watched no larger; the mesh network sees 192 px


@dataclass(frozen=True, slots=True)
class StretchConfig:
    """How long a sample may be, and what losses of a face are bridged."""

    shortest_frames: int = FRAME_RATE_HZ
    longest_frames: int = 30 * FRAME_RATE_HZ
    bridged_frames: int = 5  # a longer loss of the face ends the stretch


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames of a scene in which the same people are in view throughout."""

    span: Span  # of the scene
    idents: tuple[int, ...]


def watch(info: MediaInfo, scene: Span, people: int) -> tuple[PersonTrack, ...]:
    """Everybody in a scene; while fewer than `people` are in view, more are looked for.

    Their `motion_TD` holds their landmarks in pixels of the recording.

    Raises MediaError where the recording cannot be decoded.
    """
    video = info.require_video()
    scale = min(1.0, _LONGER_SIDE_PX / max(video.width, video.height))
    size = (max(2, round(video.width * scale)), max(2, round(video.height * scale)))
    pictures = decode_video(
        info.path, start_frame=scene.start, end_frame=scene.stop, size=size, info=info
    )
    larger_3 = np.array(
        [video.width / size[0], video.height / size[1], video.width / size[0]], np.float32
    )

    def keep(view: FaceView, state: None) -> tuple[Floats, None]:
        return (view.landmarks_N3 * larger_3).reshape(-1), None

    return observe(pictures, keep, ObserveConfig(FollowConfig(people=people))).people


def landmarks_of(person: PersonTrack, span: Span) -> tuple[Floats, Flags]:
    """Landmarks (T, N, 3) in a stretch, short losses bridged, and the frames that were seen."""
    if person.motion_TD is None:
        raise ValueError("the person was watched without keeping landmarks")
    rows_TK = person.motion_TD[span.start : span.stop]
    seen_T = person.present_T[span.start : span.stop]
    return bridged(rows_TK.reshape(-1, LANDMARKS, 3), seen_T), seen_T


def bridged(landmarks_TN3: Floats, seen_T: Flags) -> Floats:
    """Frames that were not seen on a straight line between those that were; ends are held."""
    if seen_T.all():
        return landmarks_TN3
    seen = np.flatnonzero(seen_T)
    place_T = np.interp(np.arange(len(seen_T)), seen, np.arange(len(seen)))
    before_T = np.floor(place_T).astype(np.intp)
    after_T = np.minimum(before_T + 1, len(seen) - 1)
    part_T11 = (place_T - before_T).astype(np.float32)[:, None, None]
    filled_TN3: Floats = (
        landmarks_TN3[seen[before_T]] * (1 - part_T11) + landmarks_TN3[seen[after_T]] * part_T11
    )
    return filled_TN3


def stretches_of(
    people: tuple[PersonTrack, ...], config: StretchConfig = StretchConfig()
) -> list[Stretch]:
    """Runs of frames with the same of one or two people in view, and long enough, in order.

    Where both are there it is one stretch of both; what is left of each is their own.
    """
    there = [held(person.present_T, config.bridged_frames) for person in people]
    found: list[Stretch] = []
    idents = tuple(person.ident for person in people)
    if len(people) == 2:
        both_T = there[0] & there[1]
        together = [run for run in _runs(both_T) if run.frames >= config.shortest_frames]
        found += [Stretch(run, idents) for run in together]
        for run in together:
            for mine_T in there:
                mine_T[run.start : run.stop] = False
    for ident, mine_T in zip(idents, there, strict=True):
        alone = (run for run in _runs(mine_T) if run.frames >= config.shortest_frames)
        found += [Stretch(run, (ident,)) for run in alone]
    return sorted(found, key=lambda one: (one.span.start, one.idents))


def parts_of(stretch: Stretch, config: StretchConfig = StretchConfig()) -> list[Stretch]:
    """A stretch as samples no longer than they may be."""
    spans = split_evenly(stretch.span, config.longest_frames)
    return [Stretch(span, stretch.idents) for span in spans]


def held(seen_T: Flags, longest: int) -> Flags:
    """The flags with gaps of at most `longest` frames between two sightings closed."""
    closed_T = seen_T.copy()
    for start, stop in segments(~seen_T):
        if start > 0 and stop < len(seen_T) and stop - start <= longest:
            closed_T[start:stop] = True
    return closed_T


def _runs(flags_T: Flags) -> list[Span]:
    return [Span(start, stop) for start, stop in segments(flags_T)]
