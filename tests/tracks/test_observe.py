"""One pass over pictures: what is kept, in which order, with which states."""

import numpy as np

from afgen.signals import FaceView, Floats
from afgen.tracks.follow import FollowConfig
from afgen.tracks.landmarks import landmarks_of_portrait
from afgen.tracks.observe import ObserveConfig, frontality, mouth_of, observe
from tests.tracks.scenes import astronaut, turns, two_astronauts

COARSE = ObserveConfig(follow=FollowConfig(smallest=0.3))


def counting(view: FaceView, state: int | None) -> tuple[Floats, int]:
    """A stand-in for an encoder: how many faces it has seen, and which frame."""
    count = (state or 0) + 1
    return np.array([count, view.frame], np.float32), count


def test_each_person_is_encoded_with_a_state_of_their_own() -> None:
    frames = two_astronauts(np.zeros(14, bool), np.zeros(14, bool))
    told: list[int] = []
    seen = observe(frames, counting, COARSE, progress=told.append)
    assert seen.frames == 14 and told == list(range(1, 15))
    assert len(seen.people) == 2
    for person in seen.people:
        assert person.motion_TD is not None
        np.testing.assert_array_equal(person.motion_TD[:, 0], np.arange(1, 15))
        np.testing.assert_array_equal(person.motion_TD[:, 1], np.arange(14))


def test_while_unseen_the_last_row_stays_and_before_the_first_it_is_zero() -> None:
    blank = np.full((256, 256, 3), 90, np.uint8)
    frames = [blank] * 10 + [astronaut()] * 13 + [blank] * 5
    (person,) = observe(frames, counting, COARSE).people
    assert person.motion_TD is not None
    first = int(np.argmax(person.present_T))
    assert first <= 12
    assert not person.motion_TD[:first].any()
    assert (person.motion_TD[23:] == person.motion_TD[22]).all()
    assert not person.present_T[23:].any()


def test_without_an_encoder_there_is_no_motion() -> None:
    (person,) = observe([astronaut()] * 12, None, COARSE).people
    assert person.motion_TD is None
    assert person.thumbnail_HWC.shape == (128, 128, 3)


def test_who_is_seen_for_a_moment_only_is_nobody() -> None:
    blank = np.full((256, 256, 3), 90, np.uint8)
    assert observe([astronaut()] * 3 + [blank] * 20, None, COARSE).people == ()


def test_mouth_activity_shows_who_opens_the_mouth() -> None:
    speaking = turns((0, 0.8), duration_s=0.8)
    seen = observe(two_astronauts(speaking, ~speaking & False), None, COARSE)
    left, right = sorted(seen.people, key=lambda person: person.centre_x)
    assert np.ptp(left.mouth_T2[:, 0]) > 4 * np.ptp(right.mouth_T2[:, 0])


def test_mouth_and_frontality_of_a_photograph() -> None:
    (closed,) = landmarks_of_portrait(astronaut())
    (opened,) = landmarks_of_portrait(astronaut(10))
    assert mouth_of(opened.landmarks_N3)[0] > 1.5 * mouth_of(closed.landmarks_N3)[0]
    assert frontality(closed.landmarks_N3) > 0.5
