"""Following painted scenes: names stay through crossings, losses and cuts."""

from collections.abc import Iterator

import numpy as np
import pytest

from afgen.signals import FaceView, Image
from afgen.tracks.follow import FollowConfig, Follower, FollowState, follow
from afgen.tracks.landmarks import box_of
from tests.tracks.scenes import astronaut, blue

HEAD = astronaut()[20:200, 50:230]
BLUE_HEAD = blue(HEAD[:, ::-1])
COARSE = FollowConfig(smallest=0.3)  # large heads only, found faster
BACKGROUND = np.full((200, 640, 3), (96, 110, 90), np.uint8)


def scene(*heads: tuple[Image, int]) -> Image:
    """Heads at these columns, later ones in front."""
    picture = BACKGROUND.copy()
    for head, left in heads:
        first, last = max(left, 0), min(left + 180, 640)
        if last > first:
            picture[10:190, first:last] = head[:, first - left : last - left]
    return picture


def centres(views: dict[int, FaceView]) -> dict[int, float]:
    return {ident: box_of(view.landmarks_N3).centre[0] for ident, view in views.items()}


def test_two_people_keep_their_names() -> None:
    frames = [scene((HEAD, 40 + step), (BLUE_HEAD, 400 - step)) for step in range(30)]
    seen = list(follow(frames, COARSE))
    assert all(set(views) == {0, 1} for views in seen)
    first, last = centres(seen[0]), centres(seen[-1])
    assert all(abs(last[ident] - first[ident]) < 40 for ident in (0, 1))


def test_one_who_passes_behind_the_other_is_found_again() -> None:
    frames = [scene((BLUE_HEAD, 440 - 7 * step), (HEAD, 220)) for step in range(66)]
    seen = [centres(views) for views in follow(frames, COARSE)]
    mover = max(seen[0], key=lambda ident: seen[0][ident])
    stayer = min(seen[0], key=lambda ident: seen[0][ident])
    hidden = [step for step, places in enumerate(seen) if mover not in places]
    assert 5 < len(hidden) < 42
    assert all(stayer in places for places in seen)
    assert seen[-1][mover] < seen[-1][stayer] - 100
    assert {ident for places in seen for ident in places} == {mover, stayer}


def test_somebody_who_comes_back_after_two_seconds_is_the_same() -> None:
    here, gone = scene((HEAD, 100), (BLUE_HEAD, 400)), scene((HEAD, 100))
    seen = list(follow([here] * 12 + [gone] * 50 + [here] * 12, COARSE))
    assert set(seen[-1]) == set(seen[0])
    assert len(seen[30]) == 1


def test_after_a_cut_people_are_known_by_their_looks() -> None:
    wide = scene((HEAD, 40), (BLUE_HEAD, 420))
    swapped = 255 - BACKGROUND
    swapped[10:190, 60:240], swapped[10:190, 380:560] = BLUE_HEAD, HEAD
    seen = [centres(views) for views in follow([wide] * 12 + [swapped] * 12, COARSE)]
    left = min(seen[0], key=lambda ident: seen[0][ident])
    assert seen[-1][left] > 320
    assert set(seen[-1]) == set(seen[0])


def test_another_person_in_the_same_place_is_another_person() -> None:
    """A cut inside one pane of a split screen leaves the rest of the picture as it was."""
    seen = list(follow([scene((HEAD, 200))] * 12 + [scene((BLUE_HEAD, 200))] * 12, COARSE))
    assert set(seen[0]).isdisjoint(seen[-1])


def test_nobody_is_seen_in_an_empty_scene() -> None:
    assert all(views == {} for views in follow([BACKGROUND] * 15))


@pytest.mark.parametrize("stop", [1, 13])
def test_a_stored_state_goes_on_as_if_never_stopped(stop: int) -> None:
    frames = [scene((HEAD, 60 + 2 * step), (BLUE_HEAD, 380)) for step in range(25)]

    def run(follower: Follower, state: FollowState | None, some: list[Image]) -> Iterator[object]:
        for picture in some:
            views, state = follower.step(picture, state)
            yield {ident: view.landmarks_N3 for ident, view in views.items()}, state

    with Follower(COARSE, threads=1) as one, Follower(COARSE, threads=2) as other:
        whole = list(run(one, None, frames))
        head = list(run(one, None, frames[:stop]))
        tail = list(run(other, head[-1][1], frames[stop:]))  # type: ignore[index]
    for (expected, _), (found, _) in zip(whole, head + tail, strict=True):  # type: ignore[misc]
        assert expected.keys() == found.keys()
        for ident in expected:
            np.testing.assert_array_equal(expected[ident], found[ident])


def test_few_people_are_remembered_however_many_come() -> None:
    config = FollowConfig(smallest=0.3, remembered=1)
    with Follower(config) as follower:
        state: FollowState | None = None
        for picture in [scene((HEAD, 40), (BLUE_HEAD, 420))] * 3:
            _, state = follower.step(picture, state)
    assert state is not None and len(state.people) == 1
