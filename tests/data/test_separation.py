import numpy as np
import pytest

from afgen.data.scenes import Span
from afgen.data.separation import GivenTracks, Heard, OneEach, voices_of
from afgen.data.sources import Source
from afgen.errors import FileMissingError, UnusableClipError
from afgen.media.audio import write_wav
from afgen.media.probe import probe
from afgen.tracks.observe import PersonTrack
from tests.data.made import made_voice
from tests.tracks.scenes import mouth_movement

FRAMES = 150
SCENE = Span(0, FRAMES)
EARLY, LATE = (5, 70), (75, 145)


def person(ident, x, turn):
    speaking_T = np.zeros(FRAMES, np.bool_)
    speaking_T[slice(*turn)] = True
    box_T4 = np.tile(np.array([x - 0.1, 0.3, 0.2, 0.4], np.float32), (FRAMES, 1))
    there_T = np.ones(FRAMES, np.bool_)
    mouth_T2 = mouth_movement(speaking_T, ident)
    return PersonTrack(ident, there_T, box_T4, mouth_T2, None, np.zeros((8, 8, 3), np.uint8))


LEFT, RIGHT = person(0, 0.25, EARLY), person(1, 0.75, LATE)


@pytest.fixture
def voices(tmp_path):
    """(path of both in one file, paths of each apart); the first is the left person's."""
    early_S, late_S = made_voice(FRAMES, [EARLY]), made_voice(FRAMES, [LATE], seed=3)
    paths = [tmp_path / name for name in ("call.wav", "call.1.wav", "call.2.wav", "mono.wav")]
    for path, sound in zip(
        paths,
        (np.stack([early_S, late_S]), early_S, late_S, (early_S + late_S) / 2),
        strict=True,
    ):
        write_wav(path, sound)
    return paths


def speaks(parties, name):
    """Share of speech in the first and in the second turn."""
    party = next(one for one in parties if one.name == name)
    turns_T = (party.speech_T[slice(*turn)] for turn in (EARLY, LATE))
    return tuple(float(turn_T.mean()) for turn_T in turns_T)


def assert_each_has_their_own(parties):
    early, late = speaks(parties, "left person")
    assert early > 0.7
    assert late < 0.2
    early, late = speaks(parties, "right person")
    assert early < 0.2
    assert late > 0.7


def test_channels_go_to_the_mouths_that_move_with_them(voices):
    call, *_ = voices
    for people in ((LEFT, RIGHT), (RIGHT, LEFT)):
        found = OneEach((probe(call),)).parties(people, SCENE)
        assert_each_has_their_own(found.parties)


def test_a_separator_s_files_go_to_the_mouths_in_whatever_order(voices):
    _, one, two, mono = voices
    for files in ((one, two), (two, one)):
        found = OneEach(tuple(map(probe, files))).parties((LEFT, RIGHT), SCENE)
        assert_each_has_their_own(found.parties)
    source = Source("call", mono.with_name("call.mp4"))
    assert voices_of(source, probe(mono), str(mono.parent)).files[1].path == two
    missing = Source("other", mono.with_name("other.mp4"))
    with pytest.raises(FileMissingError, match=r"other\.1\.wav"):
        voices_of(missing, probe(mono), str(mono.parent))


def test_a_mixture_goes_to_whoever_s_mouth_moves(voices):
    mono = voices[3]
    assert_each_has_their_own(Heard(probe(mono)).parties((LEFT, RIGHT), SCENE).parties)
    call = voices[0]
    mixed = Heard(probe(call), mixed=True).parties((LEFT, RIGHT), SCENE)
    assert_each_has_their_own(mixed.parties)


def test_given_tracks_go_by_place(voices):
    _, one, two, mono = voices
    source = Source("call", mono, voices=(two, one))
    found = voices_of(source, probe(mono), "auto").parties((RIGHT, LEFT), SCENE)
    assert speaks(found.parties, "left person")[1] > 0.7
    alone = GivenTracks((probe(one), probe(two))).parties((LEFT,), SCENE)
    assert [party.name for party in alone.parties] == ["person in view", "off camera"]


def test_the_sound_of_one_person_alone_is_left_as_it_is(voices, tmp_path):
    noise_S = np.random.default_rng(0).normal(0, 0.003, FRAMES * 640).astype(np.float32)
    path = tmp_path / "alone.wav"
    write_wav(path, made_voice(FRAMES, [EARLY]) + noise_S)
    (party,) = Heard(probe(path)).parties((LEFT,), SCENE).parties
    assert np.abs(party.audio_S[-6400:]).max() > 50


def test_one_channel_cannot_be_one_person_each(voices):
    with pytest.raises(UnusableClipError, match="channels"):
        OneEach((probe(voices[1]),)).parties((LEFT, RIGHT), SCENE)


def test_a_voice_that_ends_early_is_silent_from_there(voices):
    found = GivenTracks((probe(voices[1]),)).parties((LEFT,), Span(100, 300))
    assert len(found.parties[0].audio_S) == 200 * 640
    assert not found.parties[0].audio_S[50 * 640 :].any()
