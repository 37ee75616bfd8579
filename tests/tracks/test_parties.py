"""From faces and sound to the two sides of a conversation, on made-up tracks."""

import numpy as np

from afgen.signals import Floats, to_samples
from afgen.tracks.observe import PersonTrack
from afgen.tracks.parties import Parties, make_out
from tests.tracks.scenes import gated, hiss, mouth_movement, turns, voice

DURATION_S = 12
FRAMES = DURATION_S * 25
LEFT = turns((0, 4), (8, 10), duration_s=DURATION_S)
RIGHT = turns((4.4, 7.6), (10.4, 12), duration_s=DURATION_S)
SILENT = np.zeros(FRAMES, bool)


def person(ident: int, x: float, speaking: np.ndarray, height: float = 0.4) -> PersonTrack:
    box = np.tile(np.array([x - 0.1, 0.3, 0.2, height], np.float32), (FRAMES, 1))
    picture = np.zeros((8, 8, 3), np.uint8)
    mouth = mouth_movement(speaking, ident)
    return PersonTrack(ident, np.ones(FRAMES, bool), box, mouth, None, picture)


def low() -> Floats:
    return gated(voice(DURATION_S, 110, tilt=0.8), LEFT)


def high() -> Floats:
    return gated(voice(DURATION_S, 230, tilt=1.6), RIGHT)


def split(people: list[PersonTrack], sound_CS: Floats | None, frames: int) -> Parties:
    return make_out(people, None if sound_CS is None else to_samples(sound_CS), frames)


def agreement(found: np.ndarray, expected: np.ndarray) -> float:
    return float((found == expected).mean())


def test_a_mixture_is_shared_between_two_faces() -> None:
    mixture = (low() + high() + hiss(DURATION_S, 3e-4))[None]
    found = split([person(0, 0.75, RIGHT), person(1, 0.25, LEFT)], mixture, FRAMES)
    left, right = found.parties
    assert (left.name, right.name) == ("left person", "right person")
    assert agreement(left.speech_T, LEFT) > 0.9
    assert agreement(right.speech_T, RIGHT) > 0.9
    assert found.warnings == ()


def test_doubled_mono_is_a_mixture() -> None:
    mixture = np.tile(low() + high(), (2, 1))
    found = split([person(0, 0.25, LEFT), person(1, 0.75, RIGHT)], mixture, FRAMES)
    assert agreement(found.parties[0].speech_T, LEFT) > 0.9


def test_one_channel_a_person_without_picture() -> None:
    found = split([], np.stack([low(), high()]), FRAMES)
    left, right = found.parties
    assert (left.place, right.place) == (0.0, 1.0)
    assert agreement(left.speech_T, LEFT) > 0.9
    np.testing.assert_array_equal(right.audio_S, to_samples(high()))


def test_crossed_channels_go_to_the_right_faces() -> None:
    channels = np.stack([high(), low()])
    found = split([person(0, 0.25, LEFT), person(1, 0.75, RIGHT)], channels, FRAMES)
    left, right = found.parties
    np.testing.assert_array_equal(left.audio_S, to_samples(low()))
    np.testing.assert_array_equal(right.audio_S, to_samples(high()))
    assert found.decisions[-1].confidence > 0.95


def test_a_leak_from_the_other_channel_is_taken_out() -> None:
    channels = np.stack([low() + 0.02 * high(), high() + 0.02 * low()])
    left, right = split([], channels, FRAMES).parties
    alone = np.repeat(turns((5, 7), duration_s=DURATION_S), 640)
    assert not left.audio_S[alone].any()
    assert right.audio_S[alone].any()


def test_a_listener_who_says_nothing_stays_silent() -> None:
    found = split([person(0, 0.25, LEFT), person(1, 0.75, SILENT)], low()[None], FRAMES)
    left, right = found.parties
    assert agreement(left.speech_T, LEFT) > 0.9
    assert not right.audio_S.any()


def test_a_voice_off_camera_is_the_second_side() -> None:
    found = split([person(0, 0.5, LEFT)], (low() + high())[None], FRAMES)
    face, voice_only = found.parties
    assert (face.name, voice_only.name) == ("person in view", "off camera")
    assert voice_only.track is None
    assert agreement(face.speech_T, LEFT) > 0.9
    assert agreement(voice_only.speech_T, RIGHT) > 0.9


def test_one_face_takes_its_own_of_two_channels() -> None:
    found = split([person(0, 0.5, RIGHT)], np.stack([low(), high()]), FRAMES)
    face, other = found.parties
    np.testing.assert_array_equal(face.audio_S, to_samples(high()))
    np.testing.assert_array_equal(other.audio_S, to_samples(low()))


def test_a_dead_channel_beside_a_mixture_is_left_out() -> None:
    channels = np.stack([low() + high(), np.zeros_like(low())])
    found = split([person(0, 0.25, LEFT), person(1, 0.75, RIGHT)], channels, FRAMES)
    assert agreement(found.parties[0].speech_T, LEFT) > 0.9
    assert agreement(found.parties[1].speech_T, RIGHT) > 0.9


def test_without_sound_faces_remain_and_sound_stays_none() -> None:
    found = split([person(0, 0.25, SILENT), person(1, 0.75, SILENT)], None, FRAMES)
    assert [side.audio_S for side in found.parties] == [None, None]
    assert "no sound" in found.warnings[0]


def test_of_many_the_two_who_matter_are_taken() -> None:
    crowd = [
        person(0, 0.1, LEFT),
        person(1, 0.5, SILENT, height=0.1),
        person(2, 0.9, RIGHT),
    ]
    found = split(crowd, (low() + high())[None], FRAMES)
    assert [side.track.ident for side in found.parties if side.track] == [0, 2]
    assert [side.track.ident for side in found.others if side.track] == [1]
    assert "3 people" in found.warnings[0]


def test_two_voices_without_picture_come_with_a_warning() -> None:
    found = split([], (low() + high())[None], FRAMES)
    assert len(found.parties) == 2
    assert found.warnings
