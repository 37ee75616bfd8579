import os
import select
import signal
import sys

import numpy as np
import pytest

from afgen.errors import (
    CorruptMediaError,
    DiskFullError,
    FfmpegMissingError,
    InternalError,
    MediaTimeoutError,
    MediaTooLargeError,
    UnsupportedMediaError,
)
from afgen.media.limits import ProcessLimits
from afgen.media.process import Child, failure_of, find_ffmpeg

ENDLESS = ("-loglevel", "error", "-f", "lavfi", "-i", "testsrc=s=64x48", "-f", "rawvideo", "pipe:1")


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def program(path, body):
    """A stand-in for ffmpeg that misbehaves."""
    path.write_text(f"#!{sys.executable}\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_the_named_program_comes_first(monkeypatch, tmp_path):
    monkeypatch.setenv("AFGEN_FFMPEG", program(tmp_path / "mine", ""))
    assert find_ffmpeg() == str(tmp_path / "mine")


def test_a_wrongly_named_program_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("AFGEN_FFMPEG", str(tmp_path / "nowhere"))
    with pytest.raises(FfmpegMissingError):
        find_ffmpeg()


def test_a_program_is_found_without_any_on_the_path(monkeypatch):
    monkeypatch.delenv("AFGEN_FFMPEG", raising=False)
    monkeypatch.setenv("PATH", "")
    assert find_ffmpeg()


def test_leaving_the_block_ends_the_child():
    with Child(ENDLESS, subject="x", reads=True) as child:
        assert child.read_into(np.empty(1000, np.uint8).data) == 1000
        assert is_running(child.pid)
    assert not is_running(child.pid)


def test_an_exception_ends_the_child():
    with pytest.raises(KeyboardInterrupt), Child(ENDLESS, subject="x", reads=True) as child:
        raise KeyboardInterrupt
    assert not is_running(child.pid)


def test_grandchildren_end_too(monkeypatch, tmp_path):
    body = "import subprocess\nprint(subprocess.Popen(['sleep', '100']).pid, flush=True)\ninput()"
    monkeypatch.setenv("AFGEN_FFMPEG", program(tmp_path / "forks", body))
    with Child([], subject="x", feeds=True, reads=True) as child:
        digits = bytearray(1)
        text = b""
        while child.read_into(memoryview(digits)) and digits != b"\n":
            text += digits
        grandchild = os.pidfd_open(int(text))
    ended = select.poll()
    ended.register(grandchild, select.POLLIN)
    assert ended.poll(5000)
    os.close(grandchild)


@pytest.mark.parametrize("doing", ["reading", "writing", "finishing"])
def test_a_child_that_hangs_is_given_up(monkeypatch, tmp_path, doing):
    monkeypatch.setenv("AFGEN_FFMPEG", program(tmp_path / "hangs", "import time\ntime.sleep(100)"))
    limits = ProcessLimits(stall_s=0.2)
    with Child([], subject="x", feeds=True, reads=True, limits=limits) as child:
        with pytest.raises(MediaTimeoutError):
            if doing == "reading":
                child.read_into(np.empty(10, np.uint8).data)
            elif doing == "writing":
                child.write(bytes(8 << 20))
            else:
                child.finish()
        assert not is_running(child.pid)


def test_memory_is_bounded(monkeypatch, tmp_path):
    body = "import time\ntime.sleep(0.3)\nx = bytearray(1 << 30)\nprint('got it', flush=True)"
    monkeypatch.setenv("AFGEN_FFMPEG", program(tmp_path / "eats", body))
    limits = ProcessLimits(address_space_bytes=512 << 20)
    with Child([], subject="x", reads=True, limits=limits) as child:
        assert child.read_into(np.empty(6, np.uint8).data) == 0
        with pytest.raises(CorruptMediaError):
            child.finish()
    assert "MemoryError" in child.complaints


def test_output_is_bounded():
    with Child(ENDLESS, subject="x", reads=True) as child, pytest.raises(MediaTooLargeError):
        for _ in child.lines(most_bytes=1 << 20):
            pass


def test_lines_are_whole_wherever_the_pipe_breaks_them(monkeypatch, tmp_path):
    body = "for n in range(20_000): print('line', n)\nprint('end', end='')"
    monkeypatch.setenv("AFGEN_FFMPEG", program(tmp_path / "talks", body))
    with Child([], subject="x", reads=True) as child:
        lines = list(child.lines(most_bytes=1 << 20))
        child.finish()
    assert lines == [*(f"line {n}" for n in range(20_000)), "end"]


def test_file_size_is_bounded(tmp_path):
    path = tmp_path / "out.raw"
    limits = ProcessLimits(file_bytes=100_000)
    command = [*ENDLESS[:-1], f"file:{path}"]
    with Child(command, subject="x", limits=limits) as child, pytest.raises(DiskFullError):
        child.finish()
    assert not any("@ 0x" in complaint for complaint in child.complaints)
    assert path.stat().st_size <= 100_000


@pytest.mark.parametrize(
    ("status", "complaint", "kind"),
    [
        (1, "Error writing: No space left on device", DiskFullError),
        (1, "Codec (gif) not on whitelist 'h264'", UnsupportedMediaError),
        (1, "Cannot allocate memory", MediaTooLargeError),
        (-signal.SIGKILL, "", MediaTimeoutError),
        (-signal.SIGXFSZ, "", DiskFullError),
        (1, "something new", InternalError),
    ],
)
def test_complaints_become_types(status, complaint, kind):
    failure = failure_of("x.mp4", status, [complaint], blames=InternalError)
    assert type(failure) is kind
    assert failure.message.startswith("x.mp4")
