"""Matching faces to people by place, size and look, on made-up boxes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afgen.tracks.identity import (
    Person,
    Sighting,
    blended,
    likeness,
    look_at,
    match,
    met,
    seen_again,
)
from afgen.tracks.landmarks import Box
from tests.tracks.scenes import astronaut, look, sighting


def followed(*path: tuple[float, float], kind: int = 0, ident: int = 0, size: float = 50) -> Person:
    """A person seen at these places, frame by frame from 0."""
    person = met(ident, sighting(*path[0], size, kind), 0)
    for frame, (x, y) in enumerate(path[1:], start=1):
        person = seen_again(person, sighting(x, y, size, kind), frame, 0.05)
    return person


def test_a_head_looks_like_itself_and_unlike_another() -> None:
    assert likeness(look(0), look(0)) > 0.99
    assert likeness(look(0), look(1)) < 0.01


def test_looks_survive_a_change_of_light() -> None:
    box = Box(88, 67, 93, 110)
    bright = astronaut()
    dim = (bright * 0.8).astype(np.uint8)
    assert likeness(look_at(bright, box), look_at(dim, box)) > 0.8


def test_two_who_stay_are_told_apart_in_any_order() -> None:
    people = [followed((100, 100), kind=0), followed((300, 100), kind=1, ident=1)]
    seen = [sighting(302, 101, 51, 1), sighting(99, 100, 50, 0)]
    assert sorted(match(people, seen, 1)) == [(0, 1), (1, 0)]


def test_two_who_crossed_while_hidden_keep_their_names_by_look() -> None:
    """Each is found again where the other one was last seen."""
    left = followed(*((100 + 4 * step, 100) for step in range(10)), kind=0)
    right = followed(*((200 - 4 * step, 100) for step in range(10)), kind=1, ident=1)
    seen = [sighting(130, 100, 50, 1), sighting(172, 100, 50, 0)]
    assert sorted(match([left, right], seen, 15)) == [(0, 1), (1, 0)]


def test_a_person_in_motion_is_expected_ahead() -> None:
    runner = followed(*((100 + 10 * step, 100) for step in range(20)), kind=0)
    x, _ = runner.expected_centre(24)
    assert 320 < x < 345


def test_a_stranger_in_the_same_place_long_after_is_not_the_person() -> None:
    person = followed((100, 100), kind=0)
    assert match([person], [sighting(100, 100, 50, 1)], 100) == []


def test_after_a_cut_only_looks_count() -> None:
    people = [followed((100, 100), kind=0), followed((300, 100), kind=1, ident=1)]
    seen = [sighting(100, 100, 90, 1), sighting(420, 60, 90, 0)]
    assert sorted(match(people, seen, 1, cut=True)) == [(0, 1), (1, 0)]


def test_a_sudden_change_of_size_in_place_needs_likeness() -> None:
    person = followed((100, 100), kind=0)
    assert match([person], [sighting(100, 100, 120, 1)], 1) == []


places = st.tuples(st.floats(0, 640), st.floats(0, 480), st.floats(20, 90), st.integers(0, 3))


@given(st.lists(places, max_size=5), st.lists(places, max_size=5), st.integers(1, 60))
def test_nobody_is_matched_twice(
    before: list[tuple[float, float, float, int]],
    now: list[tuple[float, float, float, int]],
    frame: int,
) -> None:
    people = [met(n, sighting(*one), 0) for n, one in enumerate(before)]
    seen: list[Sighting] = [sighting(*one) for one in now]
    pairs = match(people, seen, frame)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)


@given(st.floats(0, 1))
def test_blended_looks_are_looks(share: float) -> None:
    mixed = blended(look(0), look(1), share)
    assert float(mixed.colours_K @ mixed.colours_K) == pytest.approx(1, abs=1e-4)
    assert float(mixed.patch_P @ mixed.patch_P) == pytest.approx(1, abs=1e-3)
