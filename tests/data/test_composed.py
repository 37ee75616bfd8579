import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest

from afgen.data.body import load_body
from afgen.data.clips import Clip, load_talker
from afgen.data.composed import ComposeConfig, write_conversations
from afgen.data.conversations import Conversation, converse
from afgen.data.shards import Sample, ShardWriter, open_shards
from afgen.errors import OptionError
from afgen.evaluate.comparison.cases import cases_of
from afgen.signals import to_samples
from tests.data.made import made_clips

SHORT = ComposeConfig(conversations=3, frames=250)


def write_people(folder: Path, people: tuple[str, ...]) -> Path:
    """Two clips of each person, of which only the first person's may train."""
    clips = made_clips(2 * len(people))
    with ShardWriter(folder, {"made": "up"}) as writer:
        for index, clip in enumerate(clips):
            person = people[index // 2]
            metadata = {
                "frames": clip.frames,
                "licence": f"licence of {person}",
                "train_weights": "yes" if person == people[0] else "no",
                "source": {"file": f"{person}/{clip.name}.mp4"},
                **({"identity_group": person} if person else {}),
            }
            arrays = {
                "avatar_motion_TD": clip.motion_TD,
                "avatar_audio_S": to_samples(clip.audio_S),
            }
            writer.add(Sample(clip.name, metadata, arrays))
    return folder


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_people(tmp_path_factory.mktemp("talking"), ("ann", "ben", "cid"))


@pytest.fixture(scope="module")
def composed(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("composed")
    write_conversations(shards, folder, SHORT)
    return folder


def digests(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
    }


def test_the_same_seed_gives_the_same_bytes(shards: Path, composed: Path, tmp_path: Path) -> None:
    write_conversations(shards, tmp_path / "again", SHORT)
    assert digests(tmp_path / "again") == digests(composed)
    other = dataclasses.replace(SHORT, seed=1)
    write_conversations(shards, tmp_path / "again", other)
    assert digests(tmp_path / "again") != digests(composed)


def test_both_sides_are_whole_and_can_be_evaluated(composed: Path) -> None:
    cases = list(cases_of(open_shards(composed)))
    assert len(cases) == SHORT.conversations
    for case in cases:
        assert case.motion_TD.shape == (SHORT.frames, 38)
        assert case.user_motion_TD is not None
        assert case.user_motion_TD.shape == case.motion_TD.shape
        assert case.mouth_T is not None
        assert np.isfinite(case.mouth_T).all()
        assert case.user_audio_S is not None


def test_it_is_told_who_talks_and_under_which_terms(composed: Path) -> None:
    for entry in open_shards(composed).entries:
        facts = entry.metadata
        people = facts["people"]
        speakers = {side: people[side]["speaker"] for side in ("avatar", "user")}
        assert speakers["avatar"] != speakers["user"]
        assert facts["identity_group"] == speakers["avatar"]
        heard = set()
        for side, speaker in speakers.items():
            says = people[side]["says"]
            assert all(file.startswith(f"{speaker}/") for file in says)
            heard |= {speaker} if says else set()
        if heard:
            assert facts["licence"] == "; ".join(f"licence of {one}" for one in sorted(heard))
            assert facts["train_weights"] == ("yes" if heard == {"ann"} else "no")


def test_one_recorded_person_plays_many_simulated_ones(tmp_path: Path) -> None:
    write_conversations(write_people(tmp_path / "one", ("",)), tmp_path / "out", SHORT)
    groups = [entry.metadata["identity_group"] for entry in open_shards(tmp_path / "out").entries]
    assert len(set(groups)) == SHORT.conversations


def test_prepared_recordings_are_not_overwritten(shards: Path) -> None:
    before = digests(shards)
    with pytest.raises(OptionError, match="prepared recordings"):
        write_conversations(shards, shards, SHORT)
    assert digests(shards) == before


def test_every_face_is_measured_from_its_own_rest(tmp_path: Path) -> None:
    clips = [
        dataclasses.replace(clip, motion_TD=clip.motion_TD + 5 * (index // 2))
        for index, clip in enumerate(made_clips(4))
    ]
    with ShardWriter(tmp_path, {}) as writer:
        for index, clip in enumerate(clips):
            arrays = {
                "avatar_motion_TD": clip.motion_TD,
                "avatar_audio_S": to_samples(clip.audio_S),
            }
            writer.add(Sample(clip.name, {"identity_group": f"person{index // 2}"}, arrays))
    for clip in load_talker(tmp_path).clips:
        assert abs(float(np.median(clip.motion_TD[:4]))) < 0.5


def drawn(clips: list[Clip], seed: int) -> Conversation:
    return converse(np.random.default_rng(seed), clips, load_body(), 150)


def test_the_sound_as_recorded_is_another_than_the_voice() -> None:
    one = drawn(made_clips(3), 1)
    for side in (one.avatar, one.user):
        assert side.voice_S.shape == side.recorded_S.shape
        assert not np.array_equal(side.voice_S, side.recorded_S)
        assert len(side.speech_T) == len(side.motion_TD) == 150
