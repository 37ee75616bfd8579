"""Who speaks: mouths against speech, channels against faces, masks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afgen.clock import SAMPLES_PER_FRAME
from afgen.signals import Floats, to_samples, to_sound
from afgen.tracks.speakers import (
    ActiveSpeakerSeparator,
    apply_mask,
    channel_kind,
    forward_backward,
    match_channels,
    mouth_activity,
    mouth_evidence,
    own_speech,
    speaker_posterior,
    two_voices,
)
from afgen.tracks.speech import detect_speech
from afgen.tracks.voices import voice_features
from tests.tracks.scenes import gated, mouth_movement, turns, voice

DURATION_S = 16
LEFT = turns((0, 4), (8, 11), duration_s=DURATION_S)
RIGHT = turns((4, 8), (11, 16), duration_s=DURATION_S)
SEEN = np.ones(len(LEFT), bool)


def evidence(*speaking: np.ndarray) -> Floats:
    activity = [
        mouth_activity(mouth_movement(flags, seed), SEEN) for seed, flags in enumerate(speaking)
    ]
    return mouth_evidence(np.stack(activity))


def test_a_moving_mouth_speaks_and_a_resting_one_does_not() -> None:
    ratio = evidence(LEFT)[0]
    assert (ratio[LEFT] > 0).mean() > 0.95
    assert (ratio[~LEFT] < 0).mean() > 0.8  # windows reach over the ends of turns


def test_a_face_out_of_view_says_nothing_either_way() -> None:
    present = turns((0, 6), duration_s=DURATION_S)
    activity = mouth_activity(mouth_movement(LEFT), present)
    assert np.isneginf(activity[~present]).all()
    assert (mouth_evidence(activity[None])[0, ~present] == 0).all()


def test_turns_go_to_the_mouth_that_moves() -> None:
    speech = LEFT | RIGHT
    who = speaker_posterior(speech, evidence(LEFT, RIGHT)).argmax(axis=0)
    assert (who[LEFT] == 0).mean() > 0.95
    assert (who[RIGHT] == 1).mean() > 0.95


def test_a_voice_without_a_mouth_is_off_camera() -> None:
    who = speaker_posterior(LEFT | RIGHT, evidence(LEFT)).argmax(axis=0)
    assert (who[LEFT] == 0).mean() > 0.9
    assert (who[RIGHT] == 1).mean() > 0.9


def test_voices_decide_while_a_face_is_out_of_view() -> None:
    """The right person speaks unseen from 11 s on; their sound was learnt before."""
    both = gated(voice(DURATION_S, 110, tilt=0.8), LEFT) + gated(
        voice(DURATION_S, 240, tilt=1.6), RIGHT
    )
    unseen = turns((11, 16), duration_s=DURATION_S)
    from_mouths = evidence(LEFT, RIGHT)
    from_mouths[:, unseen] = 0
    who = speaker_posterior(LEFT | RIGHT, from_mouths, voice_features(both)).argmax(axis=0)
    assert (who[unseen] == 1).mean() > 0.9


def test_two_voices_without_picture_are_told_apart() -> None:
    both = gated(voice(DURATION_S, 110, tilt=0.8), LEFT) + gated(
        voice(DURATION_S, 240, tilt=1.6), RIGHT
    )
    who = two_voices(both, detect_speech(both)[0].active_T).argmax(axis=0)
    assert (who[LEFT] == 0).mean() > 0.9
    assert (who[RIGHT] == 1).mean() > 0.9


def test_channels_find_their_faces() -> None:
    own = np.stack([LEFT, RIGHT])
    straight = match_channels(own, evidence(LEFT, RIGHT))
    crossed = match_channels(own, evidence(RIGHT, LEFT))
    assert straight.face_of_channel == (0, 1) and straight.confidence > 0.99
    assert crossed.face_of_channel == (1, 0) and crossed.confidence > 0.99


def test_channels_cannot_be_matched_to_still_faces() -> None:
    still = np.zeros((2, len(LEFT)), np.float32)
    assert match_channels(np.stack([LEFT, RIGHT]), still).confidence == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("left_db", "right_db", "kind"),
    [(-20.0, -60.0, "separate"), (-20.0, -23.0, "mono"), (-20.0, -20.0, "mono")],
)
def test_channel_kinds(left_db: float, right_db: float, kind: str) -> None:
    levels = np.stack([np.where(LEFT, left_db, right_db), np.where(LEFT, right_db, left_db)])
    active = np.stack([LEFT, RIGHT]) if kind == "separate" else np.ones((2, len(LEFT)), bool)
    assert channel_kind(levels.astype(np.float32), active) == kind


def test_a_leak_is_not_own_speech() -> None:
    levels = np.stack([np.full(10, -20.0), np.full(10, -40.0)]).astype(np.float32)
    own = own_speech(levels, np.ones((2, 10), bool))
    assert own[0].all() and not own[1].any()


def test_masks_share_the_mixture_out() -> None:
    mixture = to_samples(voice(DURATION_S, 120))
    left, right = ActiveSpeakerSeparator().separate(
        mixture, np.stack([LEFT, RIGHT]).astype(np.float32)
    )
    samples_L = np.repeat(turns((1, 3), duration_s=DURATION_S), SAMPLES_PER_FRAME)
    np.testing.assert_array_equal(left[samples_L], mixture[samples_L])
    assert not right[samples_L].any()
    shares = np.abs(left.astype(int)) + np.abs(right.astype(int))
    assert (shares <= np.abs(mixture.astype(int)) + 1).all()


def test_a_mask_fades_without_a_click() -> None:
    gain = np.array([0, 0, 1, 1, 0, 0], np.float32)
    ones = to_sound(apply_mask(to_samples(np.full(6 * SAMPLES_PER_FRAME, 0.5, np.float32)), gain))
    assert np.abs(np.diff(ones)).max() < 0.75 / SAMPLES_PER_FRAME


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 4), st.integers(1, 40), st.integers(0, 1000))
def test_posteriors_are_probabilities(states: int, frames: int, seed: int) -> None:
    ratios = np.random.default_rng(seed).normal(0, 5, (states, frames))
    posterior = forward_backward(ratios, 0.02)
    assert (posterior >= 0).all()
    np.testing.assert_allclose(posterior.sum(axis=0), 1, atol=1e-5)
