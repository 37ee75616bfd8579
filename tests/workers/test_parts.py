from pathlib import Path

import pytest

from afgen.jobs.blobs.interface import Blobs
from afgen.jobs.blobs.layout import work_prefix
from afgen.media.parts import finished_parts, open_parts, parts_folder
from workers.parts import Parts
from workers.workshop import Workshop

JOB, KEY = "job_1", "0123456789abcdef0123456789abcdef0123"


@pytest.fixture
def blobs(shop: Workshop) -> Blobs:
    return shop.blobs


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def place(folder: Path) -> Path:
    folder.mkdir()
    return folder / "video.mp4"


def begun(output: Path, *names: str) -> Path:
    folder = open_parts(output, KEY)
    for name in names:
        (folder / name).write_text(name)
    return folder


def test_a_successor_has_what_was_stored(blobs: Blobs, tmp_path: Path) -> None:
    here = place(tmp_path / "here")
    begun(here, "understanding.npz", "00000250.state", "000000.mp4", "000001.tail.mp4")
    assert Parts(blobs, JOB, KEY, here).store()
    there = place(tmp_path / "there")
    successor = Parts(blobs, JOB, KEY, there)
    successor.restore()
    folder = parts_folder(there)
    assert [part.name for part in finished_parts(folder)] == ["000000.mp4"]
    assert (folder / "00000250.state").read_text() == "00000250.state"
    assert not successor.store()


def test_a_segment_is_told_of_once(blobs: Blobs, tmp_path: Path) -> None:
    output = place(tmp_path / "here")
    begun(output, "understanding.npz")
    parts = Parts(blobs, JOB, KEY, output)
    assert not parts.store()
    begun(output, "00000250.state", "000000.mp4")
    assert [parts.store(), parts.store()] == [True, False]


def test_work_of_another_render_is_not_taken_up(blobs: Blobs, tmp_path: Path) -> None:
    here, there = place(tmp_path / "here"), place(tmp_path / "there")
    begun(here, "00000250.state", "000000.mp4")
    Parts(blobs, JOB, KEY, here).store()
    Parts(blobs, JOB, KEY[::-1], there).restore()
    assert not finished_parts(parts_folder(there))


def test_nothing_is_stored_after_the_end(blobs: Blobs, tmp_path: Path) -> None:
    output = place(tmp_path / "here")
    parts = Parts(blobs, JOB, KEY, output)
    parts.close()
    begun(output, "00000250.state", "000000.mp4")
    assert not parts.store()
    assert not list(blobs.list_prefix(work_prefix(JOB)))
