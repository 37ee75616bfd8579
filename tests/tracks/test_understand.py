"""Whole recordings: made-up ones of every shape, and the corpus' real ones."""

from collections.abc import Iterable
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest

from afgen.errors import AfgenError, NoAudioError, NoPersonError, OptionError, SilentAudioError
from afgen.media.audio import write_wav
from afgen.media.encode import encode_video
from afgen.signals import FaceView, Floats, Image
from afgen.tracks.side import AvatarSide
from afgen.tracks.timeline import draw_timeline
from afgen.tracks.understand import Sources, understand
from tests.shared import SHARED, needs_corpus
from tests.tracks.scenes import astronaut, gated, hiss, turns, two_astronauts, voice

DURATION_S = 6
LEFT = turns((0, 3), duration_s=DURATION_S)
RIGHT = turns((3, 6), duration_s=DURATION_S)
FRAMES = len(LEFT)


def pose(view: FaceView, state: None) -> tuple[Floats, None]:
    """A stand-in for the motion encoder: where the nose is."""
    return view.landmarks_N3[1] / 100, None


def low() -> Floats:
    return gated(voice(DURATION_S, 120, tilt=0.8), LEFT) + hiss(DURATION_S, 2e-4)


def high() -> Floats:
    return gated(voice(DURATION_S, 230, tilt=1.6), RIGHT) + hiss(DURATION_S, 2e-4, 1)


def film(path: Path, pictures: Iterable[Image], sound: Floats | None) -> Path:
    first, *_ = shown = list(pictures)
    encode_video(shown, path, size=first.shape[1::-1], sound=sound)
    return path


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A split-screen call with mixed sound: the left one speaks first."""
    path = tmp_path_factory.mktemp("call") / "call.mp4"
    return film(path, two_astronauts(LEFT, RIGHT), low() + high())


@pytest.mark.slow
def test_a_call_of_two_faces_and_mixed_sound(call: Path) -> None:
    found = understand(Sources(conversation=call), AvatarSide.RIGHT, pose)
    assert found.avatar is not None and found.user is not None
    assert (found.avatar.name, found.user.name) == ("right person", "left person")
    assert ((found.user.speech_T == LEFT).mean()) > 0.9
    assert ((found.avatar.speech_T == RIGHT).mean()) > 0.9
    user, avatar = found.conversation.user, found.conversation.avatar
    assert found.conversation.frames == FRAMES
    assert user.motion_TD is not None and user.motion_TD.shape == (FRAMES, 3)
    assert user.present_T is not None and user.present_T.all()
    assert avatar.audio_S is not None and len(avatar.audio_S) == FRAMES * 640
    assert np.abs(avatar.audio_S[: 2 * 16_000]).max() == 0
    picture = draw_timeline(found, "call.mp4")
    assert picture.shape[1] == 1600 and picture.std() > 10


@pytest.mark.slow
@pytest.mark.parametrize(("side", "name"), [("left", "left person"), ("second", "right person")])
def test_sides_of_a_call(call: Path, side: str, name: str) -> None:
    found = understand(Sources(conversation=call), AvatarSide(side))
    assert found.avatar is not None and found.avatar.name == name


@pytest.mark.slow
def test_a_span_of_a_call(call: Path) -> None:
    found = understand(Sources(conversation=call), AvatarSide.LEFT, start_s=1, end_s=4)
    assert found.conversation.frames == 75
    assert found.user is not None and found.user.speech_T is not None
    assert ((found.user.speech_T == RIGHT[25:100]).mean()) > 0.85


def test_two_channels_one_person_each(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    write_wav(path, np.stack([low(), high()]))
    found = understand(Sources(conversation=path), AvatarSide.LEFT)
    assert found.avatar is not None and found.user is not None
    assert ((found.avatar.speech_T == LEFT).mean()) > 0.9
    assert found.conversation.user.motion_TD is None
    assert found.summary()["people"][1]["face"] is None


def test_sides_given_apart_are_put_on_one_clock(tmp_path: Path) -> None:
    user = film(tmp_path / "user.mp4", repeat(astronaut(), 40), low()[: 40 * 640])
    avatar = tmp_path / "avatar.wav"
    write_wav(avatar, high())
    found = understand(Sources(user_video=user, avatar_audio=avatar), encode=pose)
    both = found.conversation
    assert both.frames == FRAMES
    assert both.user.audio_S is not None and len(both.user.audio_S) == FRAMES * 640
    assert not both.user.audio_S[40 * 640 :].any()
    assert both.user.present_T is not None and both.user.present_T.sum() == 40
    assert both.avatar.motion_TD is None
    assert found.decisions[0].confidence == 1.0


def test_talking_only_has_no_user(tmp_path: Path) -> None:
    path = tmp_path / "avatar.wav"
    write_wav(path, low())
    both = understand(Sources(avatar_audio=path)).conversation
    assert (both.user.audio_S, both.user.motion_TD) == (None, None)


def test_listening_only_has_no_avatar_voice(tmp_path: Path) -> None:
    path = film(tmp_path / "user.mp4", repeat(astronaut(), 30), None)
    both = understand(Sources(user_video=path), encode=pose).conversation
    assert (both.avatar.audio_S, both.user.audio_S) == (None, None)
    assert both.user.motion_TD is not None


def test_a_film_of_nobody(tmp_path: Path) -> None:
    blank = np.full((96, 128, 3), 80, np.uint8)
    with pytest.raises(NoPersonError):
        understand(Sources(conversation=film(tmp_path / "a.mp4", repeat(blank, 20), None)))
    with pytest.raises(NoPersonError):
        understand(Sources(user_video=film(tmp_path / "b.mp4", repeat(blank, 20), None)))


def test_sound_of_nothing(tmp_path: Path) -> None:
    silence, noise = tmp_path / "silence.wav", tmp_path / "noise.wav"
    write_wav(silence, np.zeros(32_000, np.float32))
    write_wav(noise, hiss(3, 0.05))
    with pytest.raises(SilentAudioError):
        understand(Sources(conversation=silence))
    with pytest.raises(SilentAudioError):
        understand(Sources(avatar_audio=silence))
    with pytest.raises(NoPersonError, match="no speech"):
        understand(Sources(conversation=noise))


def test_sound_taken_from_a_silent_film(tmp_path: Path) -> None:
    path = film(tmp_path / "mute.mp4", repeat(astronaut(), 5), None)
    with pytest.raises(NoAudioError):
        understand(Sources(avatar_audio=path))


@pytest.mark.parametrize(("start_s", "end_s"), [(2.0, 1.0), (-1.0, None), (50.0, None)])
def test_spans_that_hold_nothing(tmp_path: Path, start_s: float, end_s: float | None) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, low())
    with pytest.raises(OptionError):
        understand(Sources(conversation=path), start_s=start_s, end_s=end_s)


def test_no_source_at_all() -> None:
    with pytest.raises(OptionError):
        understand(Sources())


DYADIC_SPEAKERS = {  # who speaks, by the notes of the corpus' manifest
    "vico-challenge__media_cz7zhbn7aq0u.mp4": "left person",
    "vico-challenge__media_hk5ps1x9k2jo.mp4": "left person",
    "vico-challenge__media_lz3g8clsk2z4.mp4": "left person",
}


@needs_corpus
@pytest.mark.slow
@pytest.mark.parametrize("name", DYADIC_SPEAKERS)
def test_the_speaker_of_a_real_pair_is_found(name: str) -> None:
    found = understand(Sources(conversation=SHARED / "corpus/dyadic" / name))
    assert found.avatar is not None and found.user is not None
    assert found.avatar.name == DYADIC_SPEAKERS[name]
    assert found.avatar.speech_s > 4 * found.user.speech_s


@needs_corpus
@pytest.mark.slow
def test_a_real_mixture_is_shared_out_as_its_separate_channels_are() -> None:
    """The same conversation twice: two faces with mixed sound, and a channel each."""
    video = SHARED / "corpus/dyadic/AnyTalker__benchmark_interact_11.mp4"
    channels = SHARED / "corpus/dual_audio/AnyTalker_interact_11.flac"
    mixed = understand(Sources(conversation=video), AvatarSide.LEFT)
    apart = understand(Sources(conversation=channels), AvatarSide.LEFT)
    for one, other in ((mixed.avatar, apart.avatar), (mixed.user, apart.user)):
        assert one is not None and one.speech_T is not None
        assert other is not None and other.speech_T is not None
        assert (one.speech_T == other.speech_T).mean() > 0.93


@needs_corpus
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["conv_audio", "dual_audio"])
def test_every_real_sound_ends_in_two_sides_or_a_clear_error(kind: str) -> None:
    for path in sorted((SHARED / "corpus" / kind).iterdir()):
        try:
            found = understand(Sources(conversation=path))
        except AfgenError as error:
            assert error.advice
        else:
            assert found.avatar is not None
