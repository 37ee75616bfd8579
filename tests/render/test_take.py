import numpy as np
import pytest

from afgen.clock import SAMPLES_PER_FRAME
from afgen.errors import NoPersonError
from afgen.render.take import part_played
from afgen.signals import Conversation, Track

VOICE_S = np.ones(10 * SAMPLES_PER_FRAME, np.int16)
SPEAKING, VOICELESS = Track(audio_S=VOICE_S), Track()


def test_both_parts_are_played_as_they_are() -> None:
    conversation = Conversation(10, SPEAKING, SPEAKING)
    assert part_played(conversation, None) is conversation


@pytest.mark.parametrize(
    ("avatar", "only"), [(VOICELESS, None), (VOICELESS, "listening"), (SPEAKING, "listening")]
)
def test_an_avatar_that_only_listens_hears_itself_silent(avatar: Track, only: str | None) -> None:
    played = part_played(Conversation(10, avatar, SPEAKING), only)
    assert played.avatar.audio_S is not None
    assert len(played.avatar.audio_S) == len(VOICE_S) and not played.avatar.audio_S.any()
    assert played.user.audio_S is VOICE_S


def test_an_avatar_that_only_talks_has_nobody_before_it() -> None:
    played = part_played(Conversation(10, SPEAKING, SPEAKING), "talking")
    assert played.avatar.audio_S is VOICE_S
    assert played.user.audio_S is None and played.user.motion_TD is None


@pytest.mark.parametrize("only", ["talking", "listening"])
def test_nothing_is_left_to_play(only: str) -> None:
    with pytest.raises(NoPersonError):
        part_played(Conversation(10, VOICELESS, VOICELESS), only)
