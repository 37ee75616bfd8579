import numpy as np
import pytest

from afgen.clock import FRAME_RATE_HZ
from afgen.data.listeners import Channel, Performance, VoiceCues, hear, opportunities, simulate
from afgen.data.listeners.answers import REFRACTORY_S, SPEECH_BEFORE_S, Cue
from afgen.data.listeners.cues import run_lengths
from tests.data.made import made_voice

FRAMES = 60 * FRAME_RATE_HZ
USER_TURNS = [(20, 320), (420, 760), (900, 1200)]
AVATAR_TURNS = [(330, 415), (775, 890), (1230, 1480)]


@pytest.fixture(scope="module")
def user() -> VoiceCues:
    return hear(made_voice(FRAMES, USER_TURNS, seed=1))


@pytest.fixture(scope="module")
def avatar() -> VoiceCues:
    return hear(made_voice(FRAMES, AVATAR_TURNS, seed=2))


@pytest.fixture(scope="module")
def crowd(user: VoiceCues, avatar: VoiceCues) -> list[Performance]:
    """Twelve different people in the same conversation."""
    partner_TK = simulate(user, avatar, None, seed=99).behaviour_TK
    return [simulate(avatar, user, partner_TK, seed) for seed in range(12)]


def rate_per_minute(began_T: np.ndarray) -> float:
    return float(began_T.sum() * 60 * FRAME_RATE_HZ / len(began_T))


def test_speech_is_found_where_it_is_and_pitch_is_right(user: VoiceCues) -> None:
    inside = np.zeros(FRAMES, bool)
    for first, last in USER_TURNS:
        inside[first:last] = True
    assert (user.speech_T == inside).mean() > 0.97
    assert np.median(user.pitch_T[user.pitch_T > 0]) == pytest.approx(140, abs=15)


def test_a_low_region_of_an_utterance_invites_an_answer_and_a_monotone_start_does_not(
    user: VoiceCues,
) -> None:
    found = opportunities(user, None)
    cues = {cue: [one.frame for one in found if one.cue is cue] for cue in Cue}
    assert len(cues[Cue.LOW_PITCH]) >= 5
    assert min(cues[Cue.LOW_PITCH]) >= USER_TURNS[0][0] + SPEECH_BEFORE_S * FRAME_RATE_HZ
    for _, last in USER_TURNS:
        assert any(last < frame < last + 15 for frame in cues[Cue.PAUSE])


def test_the_same_seed_is_the_same_person(user: VoiceCues, avatar: VoiceCues) -> None:
    first, again = simulate(avatar, user, None, 4), simulate(avatar, user, None, 4)
    other = simulate(avatar, user, None, 5)
    assert np.array_equal(first.behaviour_TK, again.behaviour_TK)
    assert first.person != other.person


def test_the_partners_future_changes_nothing_earlier(user: VoiceCues, avatar: VoiceCues) -> None:
    change = 500
    other = hear(made_voice(FRAMES, [(20, 320), (420, change), (700, 1400)], seed=1))
    same_until = int(np.flatnonzero(user.level_T != other.level_T)[0])
    partner_TK = simulate(user, avatar, None, seed=99).behaviour_TK
    changed_TK = partner_TK.copy()
    changed_TK[same_until:, Channel.SMILE] = 0.9
    before = simulate(avatar, user, partner_TK, 3).behaviour_TK
    after = simulate(avatar, other, changed_TK, 3).behaviour_TK
    assert np.array_equal(before[:same_until], after[:same_until])
    assert np.abs(before[same_until:] - after[same_until:]).max() > 0.3


def test_blinks_are_as_frequent_as_peoples(crowd: list[Performance]) -> None:
    rates = [
        rate_per_minute(run_lengths(one.behaviour_TK[:, Channel.BLINK] > 0.5) == 1) for one in crowd
    ]
    assert 10 <= np.mean(rates) <= 25
    assert min(rates) > 4
    assert max(rates) < 36


def test_a_blink_closes_faster_than_it_opens(crowd: list[Performance]) -> None:
    lids_T = np.concatenate([one.behaviour_TK[:, Channel.BLINK] for one in crowd])
    speed_T = np.diff(lids_T)
    assert (speed_T > 0.05).sum() < 0.9 * (speed_T < -0.05).sum()


def test_listeners_look_at_the_partner_most_of_the_time_and_speakers_less(
    crowd: list[Performance], avatar: VoiceCues
) -> None:
    def share(during_T: np.ndarray) -> float:
        looking = [np.abs(one.behaviour_TK[during_T, Channel.GAZE_X]) < 0.2 for one in crowd]
        return float(np.mean(looking))

    assert 0.62 < share(~avatar.speech_T) < 0.9
    assert share(avatar.speech_T) < share(~avatar.speech_T) - 0.05


def test_answers_start_after_their_cue_apart_and_never_while_speaking(
    crowd: list[Performance], avatar: VoiceCues
) -> None:
    for one in crowd:
        frames = [response.frame for response in one.responses]
        assert all(0.2 <= (r.frame - r.cue_frame) / FRAME_RATE_HZ <= 1.2 for r in one.responses)
        assert all(np.diff(frames) >= REFRACTORY_S * FRAME_RATE_HZ - 1)
        assert not avatar.speech_T[frames].any()
    per_minute = np.mean([len(one.responses) for one in crowd])
    assert 4 < per_minute < 20


def test_a_smile_is_mirrored_after_a_third_to_a_second_and_a_bit(
    user: VoiceCues, avatar: VoiceCues
) -> None:
    start = 500
    partner_TK = np.zeros((FRAMES, len(Channel)), np.float32)
    smiling_TK = partner_TK.copy()
    smiling_TK[start : start + 60, Channel.SMILE] = 0.9
    delays = []
    for seed in range(12):
        gain_T = (
            simulate(avatar, user, smiling_TK, seed).behaviour_TK
            - simulate(avatar, user, partner_TK, seed).behaviour_TK
        )[:, Channel.SMILE]
        if gain_T.max() > 0.2:
            delays.append((np.flatnonzero(gain_T > 0.02)[0] - start) / FRAME_RATE_HZ)
    assert len(delays) >= 7
    assert min(delays) >= 0.3
    assert max(delays) <= 1.4


def test_the_mouth_stays_shut_while_listening(crowd: list[Performance], avatar: VoiceCues) -> None:
    about_to_speak_T = np.convolve(avatar.speech_T, np.ones(31), "same") > 0
    for one in crowd:
        assert one.behaviour_TK[~about_to_speak_T, Channel.JAW_OPEN].max(initial=0) == 0
