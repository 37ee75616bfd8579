"""Listeners whose nods, lags and smiles are known, in shards as they are prepared or composed."""

import json
from pathlib import Path

import numpy as np
import pytest

from afgen.clock import FRAME_RATE_HZ
from afgen.data.body import load_body
from afgen.data.composed import COMPOSED
from afgen.data.listeners import Channel, hear, still
from afgen.data.listeners.answers import Cue, opportunities
from afgen.data.listeners.channels import add_from
from afgen.data.listeners.shapes import nod
from afgen.data.shards import Sample, ShardWriter, open_shards
from afgen.errors import ShardsError
from afgen.evaluate.listening.listeners import Listeners, listeners_in, listening, measure_listeners
from afgen.evaluate.listening.report import TITLES, as_json, draw_listeners, table
from afgen.evaluate.metrics.bootstrap import BootstrapConfig
from afgen.evaluate.metrics.coupling import slow_part
from afgen.signals import Floats, to_samples
from tests.data.made import made_voice

FRAMES, FEW_DRAWS = 600, BootstrapConfig(draws=50)
DELAY, HEAD_LAG = 12, 20
TURNS = [(20, 180), (230, 400), (450, 580)]


def answering(seed: int) -> tuple[Floats, Floats, Floats]:
    """A voice, who nods 12 frames after its low pitch, and the other's head followed by 20."""
    rng = np.random.default_rng(seed)
    voice_S = made_voice(FRAMES, TURNS, seed=seed)
    own_TK, other_TK = still(FRAMES), still(FRAMES)
    last = -100
    for one in opportunities(hear(voice_S), None):
        if one.cue is Cue.LOW_PITCH and one.frame - last > 60:
            add_from(own_TK[:, Channel.PITCH], one.frame + DELAY, nod(4, 2.5, 1, 0.7))
            last = one.frame
    slow_T = slow_part(rng.normal(0, 8, (FRAMES, 1)), 0.2, 0.8)[:, 0]
    other_TK[:, Channel.YAW] = slow_T
    own_TK[:, Channel.YAW] = np.roll(slow_T, HEAD_LAG)
    return voice_S, load_body().motion(own_TK), load_body().motion(other_TK)


def write(folder: Path, people: int = 3, *, composed: bool = False) -> Path:
    speech_T = np.zeros(FRAMES, np.bool_)
    for start, stop in TURNS:
        speech_T[start:stop] = True
    silence_S = np.zeros(FRAMES * 640, np.int16)
    with ShardWriter(folder, {COMPOSED: {}} if composed else {}) as writer:
        for index in range(people):
            voice_S, own_TD, other_TD = answering(index)
            arrays = {
                "avatar_motion_TD": own_TD,
                "avatar_audio_S": silence_S,
                "avatar_speech_T": np.zeros(FRAMES, np.bool_),
                "user_motion_TD": other_TD,
                "user_audio_S": to_samples(voice_S),
                "user_speech_T": speech_T,
            }
            writer.add(Sample(f"talk{index}", {"frames": FRAMES}, arrays))
    return folder


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Listeners:
    return measure_listeners(write(tmp_path_factory.mktemp("shards") / "made"), FEW_DRAWS)


def test_one_listens_in_the_others_turns_and_not_right_after_ones_own() -> None:
    other_T = np.zeros(200, np.bool_)
    other_T[20:60] = other_T[80:120] = True
    own_T = np.zeros(200, np.bool_)
    own_T[85:90] = True
    on_T = listening(own_T, other_T)
    assert not on_T[:20].any()
    assert on_T[20:85].all()  # the rest of 20 frames ends no turn
    assert not on_T[85:102].any()
    assert on_T[105:140].all()
    assert not on_T[150:].any()


def test_only_who_listens_is_counted(measured: Listeners) -> None:
    assert measured.people == len(measured.listeners) == 3
    frames = sum(min(stop + FRAME_RATE_HZ, FRAMES) - start for start, stop in TURNS)
    assert measured.minutes == pytest.approx(3 * frames / FRAME_RATE_HZ / 60)


def test_nods_follow_low_pitch_as_they_were_made_to(measured: Listeners) -> None:
    figures = {name: one.value for name, one in measured.estimates.items()}
    assert figures["nod_depth_deg"] == pytest.approx(4, abs=0.7)
    assert figures["nod_cycles"] == 1
    assert figures["low_pitch_lift"] > 1
    after_s, rate = measured.around[Cue.LOW_PITCH]
    assert after_s[rate.argmax()] == pytest.approx(DELAY / FRAME_RATE_HZ, abs=0.3)
    assert figures["smiles_a_minute"] == 0


def test_a_head_that_follows_is_found_with_its_lag(measured: Listeners) -> None:
    figures = {name: one.value for name, one in measured.estimates.items()}
    assert figures["heads_lag_s"] == pytest.approx(HEAD_LAG / FRAME_RATE_HZ, abs=0.08)
    assert figures["heads_r"] > 0.9 > 2 * figures["heads_r_others"]
    assert np.isnan(figures["smiles_lag_s"])  # nobody smiles


def test_of_few_events_nothing_is_told(tmp_path: Path) -> None:
    alone = measure_listeners(write(tmp_path, 1), FEW_DRAWS)
    assert alone.counts["cues_pause"] < 5
    assert np.isnan(alone.estimates["pause_lift"].value)
    assert alone.estimates["nods_a_minute"].low is None  # of one person


def test_exact_motion_is_made_as_smooth_as_tracked_motion(tmp_path: Path) -> None:
    (exact,) = listeners_in(open_shards(write(tmp_path / "a", 1)))
    (smooth,) = listeners_in(open_shards(write(tmp_path / "b", 1, composed=True)))
    assert len(smooth.nods) == len(exact.nods) > 3
    assert np.mean([one.depth_deg for one in smooth.nods]) < np.mean(
        [one.depth_deg for one in exact.nods]
    )


def test_shards_in_which_nobody_listens_are_refused(tmp_path: Path) -> None:
    with ShardWriter(tmp_path, {}) as writer:
        arrays = {"avatar_motion_TD": np.zeros((50, 38), np.float32)}
        writer.add(Sample("alone", {"frames": 50}, arrays))
    with pytest.raises(ShardsError, match="Nobody listens"):
        measure_listeners(tmp_path)


def test_the_table_the_json_and_the_picture_say_the_same(
    measured: Listeners, tmp_path: Path
) -> None:
    header, rows = table([measured, measured])
    assert header == ["", "made", "made"]
    assert [row[0] for row in rows] == list(TITLES.values())
    told = json.loads(as_json([measured]))[0]
    assert told["nods_a_minute"]["value"] == measured.estimates["nods_a_minute"].value
    assert told["smiles_lag_s"]["value"] is None
    assert set(TITLES) <= told.keys()
    draw_listeners([measured, measured], tmp_path / "listeners.png")
    assert (tmp_path / "listeners.png").read_bytes().startswith(b"\x89PNG")
