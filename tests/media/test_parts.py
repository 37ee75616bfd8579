import pytest

from afgen.errors import OutputUnwritableError
from afgen.media.parts import (
    LISTING_FILE,
    finished_parts,
    forget_parts,
    lasting_parts,
    list_parts,
    open_parts,
    parts_folder,
    parts_key,
    tail_of,
)


def test_segments_count_up_to_the_first_gap(tmp_path):
    for name in ("000000.mp4", "000001.mp4", "000003.mp4", "000002.partial"):
        (tmp_path / name).touch()
    assert [part.name for part in finished_parts(tmp_path)] == ["000000.mp4", "000001.mp4"]


def test_the_short_last_segment_is_listed_and_never_resumed_from(tmp_path):
    (tmp_path / "000000.mp4").touch()
    tail_of(tmp_path / "000001.mp4").touch()
    list_parts(tmp_path)
    listing = (tmp_path / LISTING_FILE).read_text()
    assert listing == "file '000000.mp4'\nfile '000001.tail.mp4'\n"
    assert len(finished_parts(tmp_path)) == 1


def test_what_lasts_comes_in_an_order_that_can_stop_anywhere(tmp_path):
    folder = open_parts(tmp_path / "out.mp4", "a")
    for name in ("000001.mp4", "000000.mp4", "000003.mp4", "000002.tail.mp4", "000002.partial",
                 LISTING_FILE, "00000250.state", "understanding.npz"):  # fmt: skip
        (folder / name).touch()
    names = [part.name for part in lasting_parts(folder)]
    assert names == ["00000250.state", "understanding.npz", "000000.mp4", "000001.mp4"]
    assert parts_folder(tmp_path / "out.mp4") == folder


def test_the_folder_is_kept_by_its_key(tmp_path):
    video = tmp_path / "out.mp4"
    assert parts_key(video) is None
    folder = open_parts(video, "a")
    for name in ("000000.mp4", "000001.tail.mp4", "000002.partial", "notes.json"):
        (folder / name).touch()
    assert open_parts(video, "a") == folder
    assert sorted(part.name for part in folder.iterdir()) == ["000000.mp4", "key", "notes.json"]
    assert parts_key(video) == "a"
    open_parts(video, "b")
    assert [part.name for part in folder.iterdir()] == ["key"]
    forget_parts(video)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_place_is_said(tmp_path):
    with pytest.raises(OutputUnwritableError):
        open_parts(tmp_path / "no" / "out.mp4", "a")
