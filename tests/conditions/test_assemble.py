from dataclasses import replace

import numpy as np

from afgen.clock import SAMPLES_PER_FRAME
from afgen.conditions.assemble import assemble
from afgen.conditions.logmel import LogMelFeatures
from afgen.signals import Conditions, Conversation, Samples, Track, to_samples, to_sound

FEATURES = LogMelFeatures()
FRAMES = 47


def conversation(seed: int = 0) -> Conversation:
    draw = np.random.default_rng(seed)

    def voice() -> Samples:
        return to_samples(0.1 * draw.standard_normal(FRAMES * SAMPLES_PER_FRAME, np.float32))

    motion_TD = draw.standard_normal((FRAMES, 38), np.float32)
    user = Track(audio_S=voice(), motion_TD=motion_TD, present_T=np.ones(FRAMES, np.bool_))
    return Conversation(FRAMES, avatar=Track(audio_S=voice()), user=user)


def same(one: Conditions, other: Conditions) -> bool:
    pairs = (
        (one.avatar_audio_TA, other.avatar_audio_TA),
        (one.user_audio_TA, other.user_audio_TA),
        (one.user_motion_TD, other.user_motion_TD),
    )
    return all(np.array_equal(a, b) for a, b in pairs)


def test_blocks_cover_the_conversation_and_the_last_is_filled_with_its_last_row() -> None:
    blocks = list(assemble(conversation(), FEATURES))
    assert [(b.start_frame, b.frames) for b in blocks] == [
        (0, 10), (10, 10), (20, 10), (30, 10), (40, 7),
    ]  # fmt: skip
    last = blocks[-1].user_motion_TD
    assert last.shape == (10, 38)
    assert np.array_equal(last[7:], np.repeat(last[6:7], 3, axis=0))
    assert blocks[-1].avatar_audio_TA.shape == (10, FEATURES.audio_dim)


def test_rows_are_those_of_the_whole_recording() -> None:
    whole = conversation()
    blocks = list(assemble(whole, FEATURES))
    rows = np.concatenate([block.user_audio_TA for block in blocks])[:FRAMES]
    assert np.array_equal(rows, FEATURES(to_sound(whole.user.audio_S))[0])


def test_the_future_changes_nothing() -> None:
    one, other = conversation(), conversation(1)
    cut = 20 * SAMPLES_PER_FRAME
    mixed = replace(
        one,
        avatar=Track(
            audio_S=np.concatenate((one.avatar.audio_S[:cut], other.avatar.audio_S[cut:]))
        ),
    )
    pairs = zip(assemble(one, FEATURES), assemble(mixed, FEATURES), strict=True)
    assert [same(*pair) for pair in pairs] == [True, True, False, False, False]


def test_beginning_later_gives_the_same_blocks() -> None:
    later = list(assemble(conversation(), FEATURES, start_frame=20))
    for one, other in zip(list(assemble(conversation(), FEATURES))[2:], later, strict=True):
        assert one.start_frame == other.start_frame
        assert same(one, other)


def test_a_longer_first_window() -> None:
    blocks = list(assemble(conversation(), FEATURES, first_frames=40))
    assert [(b.start_frame, b.frames) for b in blocks] == [(0, 40), (40, 7)]
    assert blocks[0].user_motion_TD.shape == (40, 38)


def test_missing_sides_stay_missing() -> None:
    blocks = list(assemble(Conversation(20, avatar=Track(), user=Track()), FEATURES))
    for block in blocks:
        assert block.avatar_audio_TA is None
        assert block.user_audio_TA is None
        assert block.user_motion_TD is None


def test_a_face_that_is_not_seen_in_a_block_is_missing_there() -> None:
    whole = conversation()
    present = np.ones(FRAMES, np.bool_)
    present[8:22] = False
    unseen = replace(whole, user=replace(whole.user, present_T=present))
    motions = [block.user_motion_TD for block in assemble(unseen, FEATURES)]
    assert [motion is None for motion in motions] == [False, True, False, False, False]


def test_sound_that_ends_early_goes_on_in_silence() -> None:
    whole = conversation()
    short = replace(whole, avatar=Track(audio_S=whole.avatar.audio_S[: 15 * SAMPLES_PER_FRAME + 9]))
    blocks = list(assemble(short, FEATURES))
    assert len(blocks) == 5
    assert (blocks[3].avatar_audio_TA < -1.9).mean() > 0.9
