"""Who the avatar is: by place, by order, by share of speech, or clearly nobody."""

import numpy as np
import pytest

from afgen.errors import AmbiguousRolesError, NoPersonError
from afgen.tracks.roles import Party, assign_roles
from afgen.tracks.side import AvatarSide
from tests.tracks.scenes import turns


def party(name: str, place: float | None, *spoken: tuple[float, float]) -> Party:
    speech_T = turns(*spoken, duration_s=10) if spoken else np.zeros(250, bool)
    return Party(name, place, None, None, speech_T)


TALKER = party("talker", 0.8, (3, 9))
OPENER = party("opener", 0.2, (0, 2))
QUIET = party("quiet", 0.2)


@pytest.mark.parametrize(
    ("side", "avatar"), [("auto", 1), ("left", 0), ("right", 1), ("first", 0), ("second", 1)]
)
def test_sides_of_two(side: str, avatar: int) -> None:
    roles = assign_roles([OPENER, TALKER], AvatarSide(side))
    assert (roles.avatar, roles.user) == (avatar, 1 - avatar)
    assert roles.decision.confidence > 0.9


def test_left_and_right_go_by_place_not_by_order() -> None:
    assert assign_roles([TALKER, OPENER], AvatarSide.LEFT).avatar == 1


def test_near_equal_shares_leave_auto_unsure() -> None:
    equal = [party("a", 0.2, (0, 4)), party("b", 0.8, (4, 8))]
    decision = assign_roles(equal, AvatarSide.AUTO).decision
    assert decision.confidence < 0.6
    assert "--avatar" in decision.reason


def test_a_lone_talker_is_the_avatar_and_has_no_user() -> None:
    roles = assign_roles([TALKER], AvatarSide.AUTO)
    assert (roles.avatar, roles.user) == (0, None)


def test_a_lone_silent_face_is_listened_to() -> None:
    roles = assign_roles([QUIET], AvatarSide.AUTO)
    assert (roles.avatar, roles.user) == (None, 0)


@pytest.mark.parametrize("side", ["second", "left"])
def test_a_side_nobody_is_on(side: str) -> None:
    with pytest.raises(NoPersonError, match="only one person"):
        assign_roles([TALKER], AvatarSide(side))


def test_nobody_at_all() -> None:
    with pytest.raises(NoPersonError):
        assign_roles([], AvatarSide.AUTO)


def test_voices_without_place_have_no_left() -> None:
    voices = [party("first voice", None, (0, 2)), party("second voice", None, (2, 4))]
    with pytest.raises(AmbiguousRolesError) as caught:
        assign_roles(voices, AvatarSide.LEFT)
    assert "first|second" in caught.value.advice


def test_where_nobody_speaks_nobody_is_first() -> None:
    with pytest.raises(AmbiguousRolesError) as caught:
        assign_roles([QUIET, party("other", 0.8)], AvatarSide.FIRST)
    assert "left|right" in caught.value.advice
