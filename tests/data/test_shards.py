import io
import json
import tarfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afgen.data.shards import INDEX, Folder, Sample, ShardWriter, open_shards
from afgen.errors import FileMissingError, ShardsDamagedError


def samples(count, seed=0):
    rng = np.random.default_rng(seed)
    for index in range(count):
        frames = int(rng.integers(1, 30))
        yield Sample(
            f"clip-{index:03d}",
            {"frames": frames, "name": "Zoë"},
            {
                "avatar_motion_TD": rng.normal(size=(frames, 38)).astype(np.float32),
                "avatar_audio_S": rng.integers(-9, 9, frames * 640).astype(np.int16),
                "avatar_speech_T": rng.random(frames) < 0.5,
            },
        )


def write(folder, count=7, shard_bytes=60_000, about=None):
    with ShardWriter(folder, about or {"preset": "mesh"}, shard_bytes=shard_bytes) as writer:
        for sample in samples(count):
            writer.add(sample)
    return open_shards(folder)


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def shards(tmp_path):
    return write(tmp_path)


def test_what_is_written_is_read_in_the_same_order(shards):
    wanted = list(samples(7))
    assert shards.keys == [sample.key for sample in wanted]
    assert (len(shards), shards.about) == (7, {"preset": "mesh"})
    for sample in wanted:
        again = shards.read(sample.key)
        assert again.metadata == sample.metadata
        assert set(again.arrays) == set(sample.arrays)
        for name, array in sample.arrays.items():
            assert again.arrays[name].dtype == array.dtype
            np.testing.assert_array_equal(again.arrays[name], array)


def test_several_shards_hold_whole_samples(shards):
    assert len(shards.shards) > 2
    assert sum(shard.samples for shard in shards.shards) == 7
    shards.verify()


def test_any_tool_that_knows_tar_and_npy_can_read_them(shards):
    entry = shards.entries[2]
    with tarfile.open(shards.storage.path / entry.shard) as tar:
        part = tar.extractfile(f"{entry.key}.avatar_motion_TD.npy")
        motion_TD = np.load(io.BytesIO(part.read()))
        metadata = json.load(tar.extractfile(f"{entry.key}.json"))
    np.testing.assert_array_equal(motion_TD, shards.read(entry.key).arrays["avatar_motion_TD"])
    assert metadata == entry.metadata


def test_bytes_depend_on_the_samples_alone(tmp_path):
    write(tmp_path / "one")
    write(tmp_path / "two", count=12)
    write(tmp_path / "two")  # over an earlier, larger set
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


class Counting:
    """A storage that counts what is read of it."""

    def __init__(self, folder):
        self.folder, self.read_bytes = Folder(folder), 0

    def read(self, name, start=0, size=None):
        data = self.folder.read(name, start, size)
        self.read_bytes += len(data)
        return data


def test_metadata_is_known_without_reading_a_shard(shards):
    storage = Counting(shards.storage.path)
    far = open_shards(storage)
    index_bytes = storage.read_bytes
    assert far.entry("clip-003").metadata["frames"] > 0
    assert far.entry("clip-003").places["avatar_motion_TD"].shape[1] == 38
    assert storage.read_bytes == index_bytes


@settings(max_examples=30, deadline=None)
@given(start=st.integers(0, 30), stop=st.integers(0, 30))
def test_rows_are_read_without_the_rest(tmp_path_factory, start, stop):
    folder = tmp_path_factory.getbasetemp() / "rows"
    if not folder.exists():
        write(folder)
    storage = Counting(folder)
    far = open_shards(storage)
    whole_TD = far.read("clip-004").arrays["avatar_motion_TD"]
    before = storage.read_bytes
    some_TD = far.rows("clip-004", "avatar_motion_TD", start, stop)
    np.testing.assert_array_equal(some_TD, whole_TD[start:stop])
    assert storage.read_bytes - before == some_TD.nbytes


def test_fields_that_are_not_asked_for_are_left(shards):
    some = shards.read("clip-001", ["avatar_audio_S", "user_audio_S"])
    assert list(some.arrays) == ["avatar_audio_S"]


def test_a_failed_writing_leaves_no_set(tmp_path):
    def fail():
        with ShardWriter(tmp_path, {}) as writer:
            writer.add(next(samples(1)))
            raise RuntimeError

    write(tmp_path)
    with pytest.raises(RuntimeError):
        fail()
    with pytest.raises(FileMissingError):
        open_shards(tmp_path)


@pytest.mark.parametrize("key", ["with.dot.in.it", "a/b"])
def test_a_key_that_would_not_be_one_is_refused(tmp_path, key):
    with pytest.raises(ValueError, match="name"), ShardWriter(tmp_path, {}) as writer:
        writer.add(Sample(key, {}, {"x_T": np.zeros(3, np.float32)}))


def test_what_is_not_there_is_said(shards, tmp_path):
    with pytest.raises(FileMissingError):
        open_shards(tmp_path / "nowhere")
    with pytest.raises(FileMissingError):
        shards.read("nobody")
    with pytest.raises(FileMissingError):
        shards.rows("clip-000", "user_motion_TD", 0, 3)


def test_damage_is_said(shards):
    folder = shards.storage.path
    shard = folder / shards.shards[-1].name
    shard.write_bytes(shard.read_bytes()[:1000])
    with pytest.raises(ShardsDamagedError):
        shards.verify()
    with pytest.raises(ShardsDamagedError):
        shards.read(shards.keys[-1])
    (folder / INDEX).write_text("{")
    with pytest.raises(ShardsDamagedError):
        open_shards(folder)
