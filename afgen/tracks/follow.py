"""Following several people through a video, frame by frame.

A face that was seen in the last frame costs one mesh per frame; the detector runs every 0.4 s and
when somebody is lost. Who a newly found face belongs to is decided in `identity`. Everything that
is remembered lies in `FollowState`, so a stream can be stopped, stored and gone on with.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

import numpy as np

from afgen.clock import BLOCK_FRAMES, FRAME_RATE_HZ
from afgen.signals import FaceView, Floats, Image
from afgen.tracks.identity import (
    IdentityConfig,
    Person,
    Sighting,
    likeness,
    look_at,
    match,
    met,
    seen_again,
)
from afgen.tracks.landmarks import (
    Box,
    Face,
    FaceDetector,
    FaceMesh,
    Region,
    Window,
    box_of,
    same_face,
    search_windows,
    settle,
)


@dataclass(frozen=True, slots=True)
class FollowConfig:
    """How often to look for faces, and when to doubt one."""

    people: int = 2  # while fewer are in view, the whole picture is searched bit by bit
    smallest: float = 0.05  # smallest face searched for, of the picture's shorter side
    detect_every_frames: int = BLOCK_FRAMES
    detect_lost_every_frames: int = BLOCK_FRAMES // 2  # for two seconds after losing somebody
    windows_a_search: int = 4  # parts of the picture searched at a time
    full_search_every_frames: int = FRAME_RATE_HZ  # the whole picture at once, after cuts
    cut_difference: float = 0.16  # mean change of the small grey picture, of full range
    min_likeness_next: float = 0.3  # of a head to itself one frame before; less may be another's
    max_growth: float = 1.35  # of a face from one frame to the next
    max_jump_sizes: float = 0.5
    learning: float = 0.05  # share of a frame's look in a person's look
    remembered: int = 24  # people kept in mind
    identity: IdentityConfig = field(default_factory=IdentityConfig)


@dataclass(frozen=True, slots=True)
class FollowState:
    """What following remembers between frames."""

    frame: int
    people: tuple[Person, ...]
    next_ident: int
    glance: Floats  # the last frame as a small grey picture
    last_detection: int
    last_full_search: int
    next_window: int

    def present(self) -> tuple[Person, ...]:
        """Those seen in the last frame."""
        return tuple(one for one in self.people if one.last_frame == self.frame)


class Follower:
    """The networks and the loop's body; holds no stream's state, but serves one call at a time."""

    def __init__(self, config: FollowConfig = FollowConfig(), *, threads: int = 2) -> None:
        self.config = config
        self._detector = FaceDetector()
        self._meshes = [FaceMesh() for _ in range(threads)]
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="mesh")

    def step(
        self, image_HWC: Image, state: FollowState | None
    ) -> tuple[dict[int, FaceView], FollowState]:
        """Faces of the next frame by person, and the state after it. `state=None` starts."""
        glance = _glance(image_HWC)
        if state is None:
            state = FollowState(-1, (), 0, glance, -self.config.detect_every_frames, -(10**6), 0)
        frame = state.frame + 1
        cut = bool(np.abs(glance - state.glance).mean() > self.config.cut_difference)
        known, fresh = self._go_on(image_HWC, () if cut else state.present())
        lost = len(known) < len(state.present())
        if lost or cut or frame - state.last_detection >= self._pause(state):
            windows, state = self._where_to_search(image_HWC, state, cut, len(known))
            taken = [sighting.face.box for sighting in (*known.values(), *fresh)]
            fresh += self._find(image_HWC, windows, taken)
            state = replace(state, last_detection=frame)
        state = replace(state, frame=frame, glance=glance)
        state = self._introduce(known, fresh, state, cut)
        views = {
            one.ident: FaceView(frame, image_HWC, one.face.landmarks_N3) for one in state.present()
        }
        return views, state

    def _pause(self, state: FollowState) -> int:
        """Frames from one detection to the next: fewer while somebody is missed."""
        missed = any(
            0 < state.frame - person.last_frame < 2 * FRAME_RATE_HZ
            and person.seen_frames > FRAME_RATE_HZ // 2
            for person in state.people
        )
        config = self.config
        return config.detect_lost_every_frames if missed else config.detect_every_frames

    def _go_on(
        self, image_HWC: Image, present: Sequence[Person]
    ) -> tuple[dict[int, Sighting], list[Sighting]]:
        """The faces of the last frame: those still there by person, and those that changed."""
        known: dict[int, Sighting] = {}
        fresh: list[Sighting] = []
        placed = self._place_all(image_HWC, [person.region for person in present])
        for person, landmarks_N3 in zip(present, placed, strict=True):
            if landmarks_N3 is None:
                continue
            face = Face(landmarks_N3, box_of(landmarks_N3), person.face.score)
            if not _moved_plausibly(person.face, face, self.config):
                continue
            sighting = Sighting(face, look_at(image_HWC, face.box))
            if likeness(person.last_look, sighting.look) < self.config.min_likeness_next:
                fresh.append(replace(sighting, sudden=True))
            else:
                known[person.ident] = sighting
        return _one_face_each(known, present), fresh

    def _place_all(self, image_HWC: Image, regions: Sequence[Region]) -> list[Floats | None]:
        """Meshes of several regions, shared out over the threads' own networks."""
        if len(regions) <= 1:
            return [self._meshes[0].place(image_HWC, region) for region in regions]
        count = len(self._meshes)

        def share(worker: int) -> list[Floats | None]:
            mine = regions[worker::count]
            return [self._meshes[worker].place(image_HWC, region) for region in mine]

        shares = list(self._threads.map(share, range(count)))
        return [shares[index % count][index // count] for index in range(len(regions))]

    def _where_to_search(
        self, image_HWC: Image, state: FollowState, cut: bool, found: int
    ) -> tuple[list[Window], FollowState]:
        """Parts of the picture to search: all at first and after cuts, else a few in turn."""
        height, width = image_HWC.shape[:2]
        frame, config = state.frame + 1, self.config
        rested = frame - state.last_full_search >= config.full_search_every_frames
        if rested and (cut or frame == 0):
            state = replace(state, last_full_search=frame)
            return search_windows(width, height, config.smallest), state
        if found >= config.people:
            return [], state
        windows = search_windows(width, height, config.smallest)
        chosen = [
            windows[(state.next_window + step) % len(windows)]
            for step in range(min(config.windows_a_search, len(windows)))
        ]
        after = (state.next_window + len(chosen)) % len(windows)
        return chosen, replace(state, next_window=after)

    def _find(
        self, image_HWC: Image, windows: Sequence[Window], taken: Sequence[Box]
    ) -> list[Sighting]:
        """Faces the detector sees where none is known yet."""
        found: list[Sighting] = []
        for seen in self._detector.detect(image_HWC, windows):
            known = (*taken, *(one.face.box for one in found))
            if any(same_face(seen.box, box) for box in known):
                continue
            face = settle(self._meshes[0], image_HWC, seen)
            if face is not None and not any(same_face(face.box, box) for box in known):
                found.append(Sighting(face, look_at(image_HWC, face.box)))
        return found

    def _introduce(
        self, known: dict[int, Sighting], fresh: list[Sighting], state: FollowState, cut: bool
    ) -> FollowState:
        """The people after this frame: seen on, found again, or met for the first time."""
        config, frame = self.config, state.frame
        people = {person.ident: person for person in state.people}
        absent = [person for person in state.people if person.ident not in known]
        pairs = match(absent, fresh, frame, cut=cut, config=config.identity)
        again = {absent[row].ident: fresh[column] for row, column in pairs}
        for ident, sighting in (known | again).items():
            people[ident] = seen_again(people[ident], sighting, frame, config.learning)
        next_ident = state.next_ident
        for column, sighting in enumerate(fresh):
            if column not in {column for _, column in pairs}:
                people[next_ident] = met(next_ident, sighting, frame)
                next_ident += 1
        recent = sorted(people.values(), key=lambda one: (-one.last_frame, -one.seen_frames))
        remembered = sorted(recent[: config.remembered], key=lambda one: one.ident)
        return replace(state, people=tuple(remembered), next_ident=next_ident)

    def close(self) -> None:
        """Release the networks and threads."""
        self._threads.shutdown()
        self._detector.close()
        for mesh in self._meshes:
            mesh.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def follow(
    frames: Iterable[Image], config: FollowConfig = FollowConfig(), *, threads: int = 2
) -> Iterator[dict[int, FaceView]]:
    """Faces of every frame by person; numbers are given in order of appearance, never reused."""
    state: FollowState | None = None
    with Follower(config, threads=threads) as follower:
        for image_HWC in frames:
            views, state = follower.step(image_HWC, state)
            yield views


def _glance(image_HWC: Image) -> Floats:
    """The picture as about 36 x 64 grey samples in 0..1, to notice cuts by."""
    height, width = image_HWC.shape[:2]
    samples = image_HWC[:: max(height // 36, 1), :: max(width // 64, 1)]
    return np.asarray(samples.mean(axis=2) / 255, dtype=np.float32)


def _moved_plausibly(before: Face, after: Face, config: FollowConfig) -> bool:
    """Whether a mesh can be the same face one frame later, and not a slip to something else."""
    growth = after.box.size / max(before.box.size, 1e-6)
    jump = math.dist(before.box.centre, after.box.centre) / max(before.box.size, 1e-6)
    return 1 / config.max_growth < growth < config.max_growth and jump < config.max_jump_sizes


def _one_face_each(known: dict[int, Sighting], present: Sequence[Person]) -> dict[int, Sighting]:
    """Where two people's meshes slipped onto one face, it is theirs who looks more like it."""
    people = {person.ident: person for person in present}
    alike = {ident: likeness(people[ident].look, known[ident].look) for ident in known}
    kept: dict[int, Sighting] = {}
    for ident in sorted(known, key=lambda ident: -alike[ident]):
        box = known[ident].face.box
        if not any(box.iou(other.face.box) > 0.5 for other in kept.values()):
            kept[ident] = known[ident]
    return kept
