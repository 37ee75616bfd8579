from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from afgen.conditions.logmel import LogMelConfig, LogMelFeatures
from afgen.data.bank import Bank, BankConfig, build_bank
from afgen.data.body import load_body
from afgen.data.clips import Clip, load_talker
from afgen.data.examples import REFERENCES, ConversationConfig, Example, compose
from afgen.data.turns import Scene, Side, draw_turns
from afgen.data.variation import VariationConfig, vary
from afgen.errors import FileMissingError, WeightsMismatchError
from tests.data.made import made_clips, made_voice, write_shards

KIND = ConversationConfig(seed=3, frames=400)


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return made_clips(4)


@pytest.fixture(scope="module")
def examples(clips: list[Clip]) -> list[Example]:
    return [compose(clips, load_body(), LogMelFeatures(), KIND, index) for index in range(3)]


def test_a_conversation_is_a_function_of_seed_and_index(
    clips: list[Clip], examples: list[Example]
) -> None:
    again = compose(clips, load_body(), LogMelFeatures(), KIND, 1)
    assert np.array_equal(again.motion_TD, examples[1].motion_TD)
    assert np.array_equal(again.avatar_audio_TA, examples[1].avatar_audio_TA)
    assert not np.array_equal(examples[0].motion_TD, examples[1].motion_TD)


def test_its_parts_have_one_length_and_are_finite(examples: list[Example]) -> None:
    for one in examples:
        assert one.motion_TD.shape == one.user_motion_TD.shape == (KIND.frames, 38)
        assert one.avatar_audio_TA.shape == (KIND.frames, LogMelConfig().width)
        assert one.references_RD.shape == (REFERENCES, 38)
        assert all(
            np.isfinite(part).all()
            for part in (one.motion_TD, one.avatar_audio_TA, one.references_RD)
        )


def test_turns_of_one_person_never_overlap_and_both_speak() -> None:
    rng = np.random.default_rng(0)
    lengths = {side: [40, 55, 70] for side in Side}
    heard = set()
    for _ in range(20):
        turns = draw_turns(rng, Scene.DIALOGUE, 1500, lengths)
        for side in Side:
            own = sorted(
                (one for one in turns if one.side is side), key=lambda one: one.start_frame
            )
            heard |= {side} if own else set()
            for first, second in pairwise(own):
                assert first.start_frame + first.frames <= second.start_frame
    assert heard == set(Side)
    assert draw_turns(rng, Scene.QUIET, 1500, lengths) == []
    alone = draw_turns(rng, Scene.USER_TALKS, 1500, lengths)
    assert {one.side for one in alone} == {Side.USER}


def test_mirroring_twice_changes_nothing_and_swaps_the_gaze() -> None:
    mirror_D = load_body().mirror_D
    assert np.array_equal(mirror_D * mirror_D, np.ones(38))
    assert list(mirror_D[:3]) == [1, -1, -1]


def test_the_lower_face_keeps_a_jaw_and_drops_a_blink() -> None:
    body = load_body()
    kept = np.linalg.norm(body.behaviour_KD @ body.lower_face_DD, axis=1)
    whole = np.linalg.norm(body.behaviour_KD, axis=1)
    assert kept[11] > 0.85 * whole[11]  # jaw
    assert kept[6] < 0.25 * whole[6]  # blink


def test_varied_features_stay_in_range_and_differ_by_row() -> None:
    mel = LogMelConfig()
    rows = np.random.default_rng(0).uniform(-2, 2.5, (1, 6, mel.width)).astype(np.float32)
    audio_BWA = np.repeat(rows, 2, axis=0)
    varied = vary(audio_BWA, np.random.default_rng(1), mel, VariationConfig())
    assert varied.shape == audio_BWA.shape
    assert varied.min() >= mel.lowest
    assert varied.max() <= mel.highest
    assert not np.allclose(varied[0], varied[1])
    still = VariationConfig(shift_bands=0, gain=0, level=0)
    assert np.allclose(vary(audio_BWA, np.random.default_rng(1), mel, still), audio_BWA, atol=1e-5)


def write_clips(folder: Path) -> None:
    write_shards(folder, made_clips(3))


def test_clips_are_cut_to_their_speech_and_measured_from_rest(tmp_path: Path) -> None:
    write_clips(tmp_path / "features")
    clips = load_talker(tmp_path / "features").clips
    assert [clip.name for clip in clips] == ["clip0", "clip1", "clip2"]
    assert all(len(clip.audio_S) == clip.frames * 640 for clip in clips)
    assert np.abs(clips[0].motion_TD[:6]).max() < 1e-6


def test_a_folder_without_speech_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileMissingError):
        load_talker(tmp_path)
    silent = np.zeros_like(made_voice(40, []))
    write_shards(tmp_path, [Clip("a", silent, np.zeros((40, 38), np.float32))])
    load_talker.cache_clear()
    with pytest.raises(FileMissingError):
        load_talker(tmp_path)


@pytest.mark.slow
def test_a_bank_is_built_once_and_not_mistaken_for_another(tmp_path: Path) -> None:
    write_clips(tmp_path / "features")
    config = BankConfig(conversations=3, per_shard=2, kind=ConversationConfig(frames=100))
    said: list[str] = []
    bank = build_bank(tmp_path / "features", tmp_path / "bank", config, say=said.append)
    assert len(said) == 2
    assert bank.motion_NTD.shape == (3, 100, 38)
    again = build_bank(tmp_path / "features", tmp_path / "bank", config, say=said.append)
    assert len(said) == 2
    assert np.array_equal(bank.motion_NTD, again.motion_NTD)
    with pytest.raises(WeightsMismatchError):
        build_bank(tmp_path / "features", tmp_path / "bank", BankConfig(conversations=4))
    check_windows(bank)


def check_windows(bank: Bank) -> None:
    windows = bank.windows(np.random.default_rng(0), 16, 30)
    again = bank.windows(np.random.default_rng(0), 16, 30)
    assert windows.motion_BWD.shape == (16, 30, 38)
    assert windows.reference_BD.shape == (16, 38)
    assert np.array_equal(windows.motion_BWD, again.motion_BWD)
