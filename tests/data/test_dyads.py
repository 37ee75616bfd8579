from pathlib import Path

import numpy as np
import pytest

from afgen.clock import SAMPLES_PER_FRAME
from afgen.conditions.logmel import LogMelFeatures
from afgen.data.body import load_body
from afgen.data.dyads import FIELDS_OF, dyads_in
from afgen.data.shards import Sample, ShardWriter, open_shards
from afgen.errors import FileMissingError
from afgen.signals import to_samples, to_sound
from tests.data.made import made_voice


def write_dyads(folder: Path, count: int = 8, frames: int = 300) -> None:
    """Recordings whose motion says where it comes from; every other one shows one person only."""
    rng = np.random.default_rng(0)
    with ShardWriter(folder, {}) as writer:
        for number in range(count):
            arrays = {
                "avatar_motion_TD": rng.normal(0, 1, (frames, 38)).astype(np.float32),
                "avatar_audio_S": to_samples(
                    made_voice(frames, [(frames // 15, frames * 2 // 3)], seed=number)
                ),
                "avatar_lia_TD": rng.normal(0, 1, (frames, 16)).astype(np.float32),
                "avatar_wav2vec2_TA": np.full((frames, 9216), number, np.float16),
            }
            if number % 2:
                arrays["user_motion_TD"] = rng.normal(0, 1, (frames, 38)).astype(np.float32)
                arrays["user_audio_S"] = to_samples(
                    made_voice(frames, [(frames * 3 // 4, frames - 10)], seed=50)
                )
            writer.add(Sample(f"clip{number}", {"frames": frames}, arrays))


def test_windows_are_what_the_recordings_hold(tmp_path: Path) -> None:
    write_dyads(tmp_path)
    shards = open_shards(tmp_path)
    dyads, _ = dyads_in(shards, "mesh", held_out_share=0)
    windows = dyads.windows(np.random.default_rng(1), 12, 50)
    assert windows.motion_BWD.shape == (12, 50, 38)
    assert {cut.mirrored for cut in windows.cuts} == {False, True}
    for row, cut in enumerate(windows.cuts):
        sample = shards.read(cut.conversation).arrays
        motion_WD = sample["avatar_motion_TD"][cut.start : cut.start + 50]
        sign_D = load_body().mirror_D if cut.mirrored else 1
        assert np.array_equal(windows.motion_BWD[row], motion_WD * sign_D)
        both = int(cut.conversation[-1]) % 2
        assert windows.has_B3[row].tolist() == [1, both, both]
        assert windows.user_motion_BWD[row].any() == bool(both)
        distance = np.abs(sample["avatar_motion_TD"] * sign_D - windows.reference_BD[row])
        assert distance.max(axis=1).min() == 0
    again = dyads.windows(np.random.default_rng(1), 12, 50)
    assert np.array_equal(again.avatar_audio_BWA, windows.avatar_audio_BWA)


def test_a_window_hears_nearly_what_it_would_hear_from_the_beginning(tmp_path: Path) -> None:
    """A level found within some seconds, where the whole past is known in a stream."""
    write_dyads(tmp_path)
    shards = open_shards(tmp_path)
    dyads, _ = dyads_in(shards, "mesh", held_out_share=0)
    sound_S = to_sound(shards.read("clip3", ["avatar_audio_S"]).arrays["avatar_audio_S"])
    whole_TA, _ = LogMelFeatures()(sound_S)
    early, late = (dyads.audio("clip3", "avatar", start, start + 40) for start in (60, 160))
    assert early is not None and late is not None
    assert np.array_equal(early, whole_TA[60:100])
    assert np.abs(late - whole_TA[160:200]).max() < 0.05
    assert len(sound_S) == 300 * SAMPLES_PER_FRAME


def test_rows_of_a_network_are_read_as_prepared(tmp_path: Path) -> None:
    write_dyads(tmp_path, count=2)
    dyads, _ = dyads_in(open_shards(tmp_path), "lia", held_out_share=0)
    windows = dyads.windows(np.random.default_rng(0), 6, 50)
    assert windows.motion_BWD.shape == (6, 50, 16)
    assert windows.avatar_audio_BWA.shape == (6, 50, FIELDS_OF["lia"].audio_dim)
    assert not any(cut.mirrored for cut in windows.cuts)
    for row, cut in zip(windows.avatar_audio_BWA, windows.cuts, strict=True):
        assert (row == int(cut.conversation[-1])).all()


def test_what_is_kept_out_is_never_seen(tmp_path: Path) -> None:
    write_dyads(tmp_path, count=20, frames=60)
    shards = open_shards(tmp_path)
    seen, kept_out = dyads_in(shards, "mesh", held_out_share=0.3)
    names = {entry.key for entry in seen.entries}, {entry.key for entry in kept_out.entries}
    assert names[0] | names[1] == set(shards.keys) and not names[0] & names[1]
    assert names[1]
    with pytest.raises(FileMissingError, match="61 frames"):
        seen.windows(np.random.default_rng(0), 1, 61)
