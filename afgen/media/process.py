"""ffmpeg as a bounded child process: found, limited, watched, and its failures given types.

The child runs in a session of its own, so a Ctrl-C meant for us does not cut it off in the middle
of a write and one signal ends it with everything it started.
"""

import fcntl
import os
import re
import resource
import select
import shutil
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import imageio_ffmpeg

from afgen.errors import (
    AfgenError,
    CorruptMediaError,
    DiskFullError,
    FfmpegMissingError,
    MediaTimeoutError,
    MediaTooLargeError,
    UnsupportedMediaError,
)
from afgen.media.limits import PROCESS_LIMITS, ProcessLimits

_TAIL_LINES = 40
_PIPE_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 16

_LOG_SOURCE = re.compile(r"^(\[[^]]*\] )+")  # "[mov @ 0x55e] " before a message

_FAILURES: tuple[tuple[str, type[AfgenError]], ...] = (
    (r"No space left on device|File too large|Disk quota exceeded", DiskFullError),
    (r"not on whitelist|not in whitelist|[Uu]nknown decoder|no decoder found|Decoder .*not found|"
     r"Changing audio frame properties on the fly is not supported",
     UnsupportedMediaError),
    (r"[Uu]nknown encoder|Encoder .*not found|No such filter|Option .* not found",
     FfmpegMissingError),
    (r"Cannot allocate memory|[Pp]icture size .* is invalid|pthread_create", MediaTooLargeError),
)  # fmt: skip


def find_ffmpeg() -> str:
    """Path of the ffmpeg binary: AFGEN_FFMPEG, else PATH, else the one imageio-ffmpeg carries.

    Raises:
        FfmpegMissingError: none of them is there.
    """
    named = os.environ.get("AFGEN_FFMPEG")
    if named:
        found = shutil.which(named)
        if found is None:
            raise FfmpegMissingError(f"AFGEN_FFMPEG names {named}, which cannot be run.")
        return found
    if on_path := shutil.which("ffmpeg"):
        return on_path
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise FfmpegMissingError("No ffmpeg was found.") from error


class Child:
    """One running ffmpeg. Use as a context manager: leaving the block ends it.

    Raises from its methods: MediaTimeoutError on a stall, and from `finish` (or a read or write
    that meets a dead child) the typed error of what ffmpeg complained about.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        subject: str,
        blames: type[AfgenError] = CorruptMediaError,
        folder: Path | None = None,
        feeds: bool = False,
        reads: bool = False,
        limits: ProcessLimits = PROCESS_LIMITS,
    ) -> None:
        """Start ffmpeg with `arguments` (without the program's name).

        Args:
            arguments: what `afgen.media.arguments` built.
            subject: the file's name, for messages.
            blames: the error for a failure that is none of the known ones.
            folder: where relative names begin; the current folder by default.
            feeds: whether `write` will be used (its standard input is a pipe).
            reads: whether `read_into` will be used (its standard output is a pipe).
            limits: what the child may use.
        """
        self.subject = subject
        self.limits = limits
        self._blames = blames
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._process = subprocess.Popen(
            [find_ffmpeg(), *arguments],
            stdin=subprocess.PIPE if feeds else subprocess.DEVNULL,
            stdout=subprocess.PIPE if reads else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=folder,
            start_new_session=True,
            bufsize=0,
        )
        _limit(self._process.pid, limits)
        if self._process.stdin is not None:
            os.set_blocking(self._process.stdin.fileno(), False)
        _widen(self._process.stdin)
        _widen(self._process.stdout)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """The child's process number, which is its group's too."""
        return self._process.pid

    @property
    def complaints(self) -> tuple[str, ...]:
        """The last lines ffmpeg wrote to its standard error."""
        return tuple(self._tail)

    def read_into(self, buffer: memoryview) -> int:
        """Fill `buffer` from the child's output; the bytes read are fewer only at its end."""
        assert self._process.stdout is not None
        filled = 0
        while filled < len(buffer):
            self._await(self._process.stdout, select.POLLIN)
            count = os.readv(self._process.stdout.fileno(), [buffer[filled:]])
            if count == 0:
                break
            filled += count
        return filled

    def lines(self, most_bytes: int) -> Iterator[str]:
        """The child's output line by line; MediaTooLargeError beyond `most_bytes`."""
        chunk = bytearray(_CHUNK_BYTES)
        rest = b""
        total = 0
        while count := self.read_into(memoryview(chunk)):
            total += count
            if total > most_bytes:
                raise MediaTooLargeError(f"{self.subject} has too many packets to list.")
            *whole, rest = (rest + chunk[:count]).split(b"\n")
            yield from (line.decode("ascii", "replace") for line in whole)
        if rest:
            yield rest.decode("ascii", "replace")

    def write(self, data: bytes | memoryview) -> None:
        """Feed all of `data` to the child's standard input."""
        assert self._process.stdin is not None
        rest = memoryview(data).cast("B")
        try:
            while rest:
                self._await(self._process.stdin, select.POLLOUT)
                rest = rest[os.write(self._process.stdin.fileno(), rest) :]
        except BrokenPipeError:
            self.finish()
            raise self._failure() from None

    def close_input(self) -> None:
        """Tell the child that nothing more will be written. Safe to call again."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()

    def finish(self) -> None:
        """Close the child's input and wait for its end.

        Raises:
            AfgenError: it did not end well; the type says what it complained about.
        """
        self.close_input()
        try:
            self._process.wait(self.limits.stall_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise self._stalled() from None
        self._listener.join()
        if self._process.returncode != 0:
            raise self._failure()

    def kill(self) -> None:
        """End the child and all it started, and release the pipes. Safe to call again."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._listener.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def _await(self, pipe: IO[bytes], event: int) -> None:
        poll = select.poll()
        poll.register(pipe.fileno(), event)
        if not poll.poll(self.limits.stall_s * 1000):
            self.kill()
            raise self._stalled()

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if text := _LOG_SOURCE.sub("", line.decode("utf-8", "replace").strip()):
                self._tail.append(text)

    def _stalled(self) -> MediaTimeoutError:
        return MediaTimeoutError(
            f"{self.subject}: ffmpeg made no progress for {self.limits.stall_s:.0f} seconds."
        )

    def _failure(self) -> AfgenError:
        return failure_of(self.subject, self._process.returncode, self.complaints, self._blames)


def failure_of(
    subject: str,
    returncode: int,
    complaints: Sequence[str],
    blames: type[AfgenError] = CorruptMediaError,
) -> AfgenError:
    """The typed error for an ffmpeg that ended with `returncode` after these complaints."""
    if returncode in {-signal.SIGXCPU, -signal.SIGKILL}:  # KILL: the hard limit, or out of memory
        return MediaTimeoutError(f"{subject} needed more processor time or memory than is allowed.")
    if returncode == -signal.SIGXFSZ:
        return DiskFullError(f"{subject} grew beyond the file size allowed.")
    text = "\n".join(complaints)
    kind = next((kind for pattern, kind in _FAILURES if re.search(pattern, text)), blames)
    cause = complaints[0] if complaints else f"ffmpeg ended with status {returncode}"
    return kind(f"{subject}: {cause.rstrip('.')}.")


def _limit(pid: int, limits: ProcessLimits) -> None:
    """Bound a process that was just started (Linux; elsewhere the stall timeout must do).

    Set from outside instead of between fork and exec, where Python code may deadlock in a process
    that has threads.
    """
    if not hasattr(resource, "prlimit"):
        return
    bounds = (
        (resource.RLIMIT_AS, limits.address_space_bytes),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_CORE, 0),
    )
    with suppress(ProcessLookupError):
        for kind, wanted in bounds:
            _, hard = resource.prlimit(pid, kind)
            bound = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.prlimit(pid, kind, (bound, bound))


def _widen(pipe: IO[bytes] | None) -> None:
    """Let a pipe hold about one picture, which halves the switches between the processes."""
    if pipe is not None and hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
