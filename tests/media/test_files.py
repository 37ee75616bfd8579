import errno
import hashlib
import os

import pytest

from afgen.errors import (
    DiskFullError,
    EmptyFileError,
    FileMissingError,
    FileUnreadableError,
    OutputUnwritableError,
)
from afgen.media.files import atomic_path, require_readable, require_writable_place, sha256_of


def test_a_readable_file_has_its_size_and_hash(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert require_readable(path) == 3
    assert sha256_of(path) == hashlib.sha256(b"abc").hexdigest()


def test_unreadable_inputs_are_told_apart(tmp_path):
    (tmp_path / "empty").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "fifo")
    for name, kind in {
        "empty": EmptyFileError,
        "nothing": FileMissingError,
        "empty/inside": FileMissingError,
        "loop": FileUnreadableError,
        "fifo": FileUnreadableError,
        ".": FileUnreadableError,
        "x" * 300: FileUnreadableError,
        "a\0b": FileUnreadableError,
    }.items():
        with pytest.raises(kind):
            require_readable(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_permissions_are_respected(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(b"abc")
    path.chmod(0)
    with pytest.raises(FileUnreadableError):
        require_readable(path)
    tmp_path.chmod(0o500)
    with pytest.raises(OutputUnwritableError):
        require_writable_place(tmp_path / "out.mp4")


def test_a_finished_file_takes_its_place(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic_path(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), DiskFullError),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), DiskFullError),
        (OSError(errno.EROFS, "Read-only file system"), OutputUnwritableError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_a_failed_write_leaves_the_old_file(tmp_path, failure, kind):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(kind), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise failure
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
