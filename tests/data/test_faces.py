from pathlib import Path

import numpy as np
import pytest

from afgen.data.crops import pack_pictures
from afgen.data.faces import REGIONS, FaceShards, face_clips, kept_apart
from afgen.data.shards import Sample, ShardSet, ShardWriter, open_shards
from afgen.errors import UnusableClipError

PIXELS = 32


def shades(frames: int) -> list[np.ndarray]:
    """Pictures of one shade each, by which a frame is known again."""
    return [np.full((PIXELS, PIXELS, 3), 4 * frame, np.uint8) for frame in range(frames)]


def sample(key: str, frames: int, sides: tuple[str, ...] = ("avatar",)) -> Sample:
    arrays = {}
    for side in sides:
        packed = pack_pictures(shades(frames))
        arrays |= {f"{side}_{name}": array for name, array in packed.items()}
        boxes = np.arange(frames, dtype=np.float32)[:, None, None] * np.ones((1, 3, 4), np.float32)
        arrays[f"{side}_{REGIONS}"] = boxes
    return Sample(key, {"frames": frames}, arrays)


@pytest.fixture
def shards(tmp_path: Path) -> ShardSet:
    with ShardWriter(tmp_path, {}) as writer:
        writer.add(sample("both", 30, ("avatar", "user")))
        writer.add(sample("short", 10))
        writer.add(sample("single", 40))
        writer.add(Sample("heard", {}, {"avatar_audio_S": np.zeros(10, np.int16)}))
    return open_shards(tmp_path)


def test_clips_are_sides_with_a_second_of_pictures(shards: ShardSet) -> None:
    found = [(clip.key, clip.side, clip.frames) for clip in face_clips(shards)]
    assert found == [("both", "avatar", 30), ("both", "user", 30), ("single", "avatar", 40)]


def test_a_pair_is_the_two_frames_asked_for(shards: ShardSet) -> None:
    pairs = FaceShards(shards, face_clips(shards), size=PIXELS)
    assert list(pairs.frames) == [30, 30, 40]
    pair = pairs.pair(2, 7, 39)
    assert abs(int(pair.source_HWC.mean()) - 28) <= 1
    assert abs(int(pair.target_HWC.mean()) - 156) <= 1
    assert (pair.regions_R4 == 39).all()


def test_pictures_are_scaled(shards: ShardSet) -> None:
    pair = FaceShards(shards, face_clips(shards), size=16).pair(0, 0, 5)
    assert pair.target_HWC.shape == (16, 16, 3)
    assert abs(int(pair.target_HWC.mean()) - 20) <= 1


def test_what_is_kept_out_is_so_in_any_company(shards: ShardSet) -> None:
    clips = face_clips(shards)
    places = sorted({clip.place for clip in clips})
    share = sum(places) / 2
    learned, held_out = kept_apart(clips, share)
    assert {*learned, *held_out} == {*clips} and not {*learned} & {*held_out}
    assert all(clip.place < share for clip in held_out)
    alone, _ = kept_apart([*learned, *held_out[:1]], share)
    assert alone == learned


def test_too_few_clips_are_refused(shards: ShardSet, tmp_path: Path) -> None:
    with pytest.raises(UnusableClipError, match="too few"):
        kept_apart(face_clips(shards), 0.0)
    with ShardWriter(tmp_path / "silent", {}) as writer:
        writer.add(Sample("heard", {}, {"avatar_audio_S": np.zeros(10, np.int16)}))
    with pytest.raises(UnusableClipError, match="no pictures"):
        face_clips(open_shards(tmp_path / "silent"))
