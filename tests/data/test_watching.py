import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from afgen.data.scenes import Span
from afgen.data.watching import StretchConfig, bridged, held, landmarks_of, parts_of, stretches_of
from afgen.tracks.observe import PersonTrack


def person(ident, *spans, frames=200):
    present_T = np.zeros(frames, np.bool_)
    for start, stop in spans:
        present_T[start:stop] = True
    rows_TK = np.arange(frames, dtype=np.float32)[:, None] * np.ones((1, 478 * 3), np.float32)
    last_T = np.maximum.accumulate(np.where(present_T, np.arange(frames), 0))
    return PersonTrack(
        ident,
        present_T,
        np.zeros((frames, 4), np.float32),
        np.zeros((frames, 2), np.float32),
        rows_TK[last_T],
        np.zeros((8, 8, 3), np.uint8),
    )


def found(*people):
    return [(one.span.start, one.span.stop, one.idents) for one in stretches_of(people)]


def test_one_person_is_cut_where_the_face_is_lost_for_long():
    assert found(person(4, (0, 60), (64, 100), (120, 140), (150, 200))) == [
        (0, 100, (4,)),
        (150, 200, (4,)),
    ]


def test_two_people_are_one_stretch_where_both_are_there():
    assert found(person(0, (0, 150)), person(1, (60, 200))) == [
        (0, 60, (0,)),
        (60, 150, (0, 1)),
        (150, 200, (1,)),
    ]


def test_a_short_meeting_leaves_each_alone():
    assert found(person(0, (0, 100)), person(1, (90, 200))) == [(0, 100, (0,)), (90, 200, (1,))]


def test_nobody_is_there():
    assert found() == []
    assert found(person(0, (0, 10))) == []


def test_long_stretches_become_even_samples():
    (stretch,) = stretches_of((person(0, (0, 200)),))
    parts = parts_of(stretch, StretchConfig(longest_frames=70))
    assert [part.span for part in parts] == [Span(0, 66), Span(66, 133), Span(133, 200)]


def test_losses_are_bridged_in_a_straight_line_and_told():
    landmarks_TN3, seen_T = landmarks_of(person(0, (10, 60), (63, 90)), Span(8, 90))
    assert landmarks_TN3.shape == (82, 478, 3)
    np.testing.assert_allclose(landmarks_TN3[2:, 5, 1], np.arange(10, 90), atol=1e-4)
    np.testing.assert_allclose(landmarks_TN3[:2, 5, 1], 10)
    assert (~seen_T).sum() == 5


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(0, 6))
def test_only_short_gaps_between_sightings_are_closed(flags, longest):
    seen_T = np.array(flags)
    closed_T = held(seen_T, longest)
    assert (closed_T >= seen_T).all()
    runs = "".join("#" if flag else "." for flag in closed_T).strip(".").split("#")
    assert all(len(run) > longest for run in runs if run)
    if seen_T.any():
        first, last = np.flatnonzero(seen_T)[[0, -1]]
        assert not closed_T[:first].any()
        assert not closed_T[last + 1 :].any()


def test_what_was_seen_throughout_is_left_as_it_is():
    landmarks_TN3 = np.random.default_rng(0).normal(size=(9, 4, 3)).astype(np.float32)
    assert bridged(landmarks_TN3, np.ones(9, np.bool_)) is landmarks_TN3
