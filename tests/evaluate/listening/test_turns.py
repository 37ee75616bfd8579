from importlib.resources import as_file
from pathlib import Path

import numpy as np
import pytest

from afgen.data.body import load_body
from afgen.data.listeners import Channel
from afgen.demo.run import ASSETS
from afgen.evaluate.listening.turns import REST_FRAMES, measure_turns, over_all, score_turns
from afgen.media.audio import write_wav
from afgen.media.decode import decode_audio
from afgen.presets import load_models


def _motion(frames: int, jaw_T: np.ndarray) -> np.ndarray:
    behaviour_TK = np.zeros((frames, len(Channel)), np.float32)
    behaviour_TK[:, Channel.JAW_OPEN] = jaw_T
    return load_body().motion(behaviour_TK)


def test_a_mouth_open_in_the_others_turn_is_counted() -> None:
    speech_T = np.arange(100) < 40
    good = score_turns("good", _motion(100, 0.8 * speech_T), speech_T)
    bad = score_turns("bad", _motion(100, np.full(100, 0.8)), speech_T)
    assert good.closed_listening == 1.0 and bad.closed_listening == 0.0
    assert good.open_talking > 5 * good.open_listening
    assert good.talking_s == pytest.approx(1.6)
    assert good.listening_s == pytest.approx((60 - REST_FRAMES) / 25)


def test_what_did_not_occur_has_no_figure() -> None:
    score = score_turns("all talk", _motion(50, np.zeros(50)), np.ones(50, np.bool_))
    assert score.closed_listening is None and score.listening_s == 0
    whole = over_all(
        [score, score_turns("silent", _motion(50, np.zeros(50)), np.zeros(50, np.bool_))]
    )
    assert whole.closed_listening == 1.0 and whole.length_s == 4.0


@pytest.mark.slow
def test_two_voices_are_understood_and_played(tmp_path: Path) -> None:
    with as_file(ASSETS / "user.mp4") as video:
        voice_S = decode_audio(video)[0][: 4 * 16000]
    nothing_S = np.zeros_like(voice_S)
    first_S, second_S = np.append(voice_S, nothing_S), np.append(nothing_S, voice_S)
    sound_2S = np.stack([first_S, second_S])
    write_wav(tmp_path / "call.wav", sound_2S)
    score = measure_turns(load_models("portrait", "cpu"), tmp_path / "call.wav")
    assert score.recording == "call.wav"
    assert score.talking_s > 1.5 and score.listening_s > 1.5
    assert score.open_talking > 2 * score.open_listening
    silent = measure_turns(load_models("portrait", "cpu"), tmp_path / "call.wav", only="listening")
    assert silent.talking_s == score.talking_s
    assert silent.open_talking < 0.5 * score.open_talking
